"""Merges the prepared clips into `metadata.csv` without undoing what a person edited there.

What they changed stays, what they deleted stays away, the split never moves. Only a cell that still
holds what `prepare` wrote follows the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from xttslab.data.audio import content_hash
from xttslab.data.manifest import ASSUMED, Clip, Rejection, assign_split
from xttslab.data.preparing.checks import Candidate, Checks, Finding, leaks, repeated
from xttslab.data.preparing.folder import Folder, Record, write_table
from xttslab.data.preparing.review_files import DELETED, left_out_in_review
from xttslab.data.preparing.transcripts import Texts
from xttslab.errors import UserError
from xttslab.files import write_atomically

_LAST = "~"  # sorts after every content hash


def merge(
    made: Mapping[str, Clip], current: Mapping[str, Clip], written: Mapping[str, Clip]
) -> tuple[list[Clip], list[Clip]]:
    """Join new clips into the existing rows, all by file name; returns the rows to write, and
    those that a person deleted.

    `made`: clips as their sources describe them now; `current`: the rows of metadata.csv;
    `written`: the rows as `prepare` alone would last have written them, so that a person's change
    stays one for ever. Existing rows keep their order.
    """
    rows = [_follow(row, made.get(name), written.get(name)) for name, row in current.items()]
    rows += [clip for name, clip in made.items() if name not in current and name not in written]
    return rows, [clip for name, clip in written.items() if name not in current]


def by_name(clips: Iterable[Clip]) -> dict[str, Clip]:
    """Clips by their file's stem, in order."""
    return {clip.audio.stem: clip for clip in clips}


def _follow(row: Clip, made: Clip | None, written: Clip | None) -> Clip:
    """Take over what the source changed, except where a person wrote something else."""
    if made is None or written is None:
        return row
    if row.text == written.text and made.text:
        row = replace(row, text=made.text)
    if row.speaker == written.speaker:
        row = replace(row, speaker=made.speaker)
    untouched = (row.category, row.category_assumed) == (written.category, written.category_assumed)
    if untouched and (made.category != ASSUMED or not made.category_assumed):
        row = replace(row, category=made.category, category_assumed=made.category_assumed)
    return row


def _alone(row: Clip, made: Clip | None, before: Clip | None) -> Clip:
    """The row as it would be had no person changed a cell of it."""
    known = before or row
    if made is None:
        return known
    named = made.category != ASSUMED or not made.category_assumed
    source = made if named else known
    return replace(
        row,
        text=made.text or known.text,
        speaker=made.speaker,
        category=source.category,
        category_assumed=source.category_assumed,
    )


@dataclass(frozen=True)
class Assembly:
    """Joins, checks, splits and writes the rows of one data set."""

    folder: Folder
    checks: Checks
    language: str
    eval_share: float

    def write(self, made: Mapping[str, Clip], texts: Texts, faults: Sequence[Rejection]) -> None:
        """Write metadata.csv, rejected.csv, review.csv, changed.csv and clips.csv.

        `made`: clips by name as their sources describe them; `faults`: rows that gave no clip.
        Raises UserError when no clip is left.
        """
        stored = {record.name: record for record in self.folder.journal}
        current = by_name(self.folder.rows(self.language))
        written = {name: c for name, c in by_name(self.folder.written()).items() if name in stored}
        refused = left_out_in_review(self.folder, set(current))
        basis = {n: c for n, c in by_name(self.folder.made()).items() if n in written}
        fresh = {n: c for n, c in made.items() if n not in refused}
        rows, gone = merge(fresh, current, written | basis)
        deleted = [written[clip.audio.stem] for clip in gone]
        candidates = [self._candidate(row, stored, texts) for row in rows]
        usable = [c for c in candidates if not c.record.reason]
        findings = self.checks.findings(usable)
        kept = self._kept_by_hand(current, written)
        out = self._left_out(usable, findings, kept)
        rejected = [*faults, *_record_faults(stored.values()), *_deleted(deleted, refused)]
        rejected += [_rejection(usable[row], finding) for row, finding in sorted(out.items())]
        rest = [candidate for row, candidate in enumerate(usable) if row not in out]
        self._write_tables(rest, rejected, texts)
        if not rest:
            first = f"; the first: {rejected[0]}" if rejected else ""
            raise UserError(f"{self.folder.path}: every clip was rejected, see rejected.csv{first}")
        clips = self._split(rest)
        seen = [finding for finding in findings if finding.row not in out]
        self._write_review(usable, seen, clips)
        alone = [
            _alone(c, made.get(n), (written | basis).get(n)) for n, c in by_name(clips).items()
        ]
        self.folder.write_rows(clips, deleted, alone, [usable[row].clip for row in out])

    def _candidate(self, row: Clip, stored: Mapping[str, Record], texts: Texts) -> Candidate:
        name = row.audio.stem
        record = stored.get(name)
        if record is None:  # a row and a file that a person put there
            digest = content_hash(row.audio)
            record = Record(name, name, "", row.audio.name, digest, digest=digest)
        return Candidate(row, record, texts.recognised.get(record.digest))

    def _kept_by_hand(self, current: Mapping[str, Clip], written: Mapping[str, Clip]) -> set[str]:
        """Clips whose row a person wrote back: checks may point at them, not leave them out."""
        path = self.folder.state / "kept.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        kept = {*known, *(name for name in current if written and name not in written)}
        if kept != set(known):
            write_atomically(path, json.dumps(sorted(kept)).encode())
        return kept

    def _left_out(
        self, usable: Sequence[Candidate], findings: Sequence[Finding], kept: set[str]
    ) -> dict[int, Finding]:
        out: dict[int, Finding] = {}
        for finding in findings:
            if finding.check in self.checks.reject:
                if usable[finding.row].clip.audio.stem not in kept:
                    out.setdefault(finding.row, finding)
        return out

    def _split(self, rest: Sequence[Candidate]) -> list[Clip]:
        """Hold clips out; one whose text another has, too, only where nothing else is left."""
        clips = [candidate.clip for candidate in rest]
        again = repeated(clips)
        keys = [
            (_LAST if row in again else "") + candidate.record.digest
            for row, candidate in enumerate(rest)
        ]
        return assign_split(clips, keys, self.eval_share)

    def _write_tables(
        self, rest: Sequence[Candidate], rejected: Sequence[Rejection], texts: Texts
    ) -> None:
        path = self.folder.path
        rows = [(fault.audio_file, fault.reason, fault.value) for fault in rejected]
        write_table(path / "rejected.csv", ("audio_file", "reason", "value"), rows)
        changes = []
        for candidate in rest:
            record, name = candidate.record, f"wavs/{candidate.clip.audio.name}"
            said = texts.changes.get(record.name)
            mended = texts.mended.get(record.name, ())
            made = (*record.changes, *((said,) if said else ()), *mended)
            changes += [(name, *change) for change in made]
        write_table(path / "changed.csv", ("audio_file", "change", "value"), changes)
        _write_measures(self.folder, rest)

    def _write_review(
        self, usable: Sequence[Candidate], seen: Sequence[Finding], clips: Sequence[Clip]
    ) -> None:
        rows = [(f"wavs/{usable[f.row].clip.audio.name}", f.check, f.what, f.value) for f in seen]
        rows += [
            (f"wavs/{clips[f.row].audio.name}", f.check, f.what, f.value) for f in leaks(clips)
        ]
        columns = ("audio_file", "check", "finding", "value")
        write_table(self.folder.path / "review.csv", columns, rows)


def _record_faults(records: Sequence[Record]) -> list[Rejection]:
    return [Rejection(r.origin, r.reason, _place(r)) for r in records if r.reason]


def _place(record: Record) -> str:
    """The value of a fault, with the place in a long recording."""
    return record.value if record.name == record.base else f"{record.value} at {record.start:.1f} s"


def _deleted(clips: Sequence[Clip], refused: Mapping[str, Rejection]) -> list[Rejection]:
    """Clips whose row a person took away, those of a review with the reason given there."""
    rest = [clip for clip in clips if clip.audio.stem not in refused]
    return [
        *refused.values(),
        *(Rejection(f"wavs/{clip.audio.name}", DELETED, clip.text) for clip in rest),
    ]


def _rejection(candidate: Candidate, finding: Finding) -> Rejection:
    return Rejection(f"wavs/{candidate.clip.audio.name}", finding.what, finding.value)


def _write_measures(folder: Folder, rest: Sequence[Candidate]) -> None:
    """clips.csv: where each clip comes from, and every number measured of it."""
    names = sorted({name for candidate in rest for name in candidate.record.measures})
    rows = []
    for candidate in rest:
        record = candidate.record
        place = (record.origin, f"{record.start:.3f}", f"{record.end:.3f}")
        values = [f"{record.measures[n]:.3f}" if n in record.measures else "" for n in names]
        rows.append((f"wavs/{candidate.clip.audio.name}", *place, *values))
    columns = ("audio_file", "origin", "start", "end", *names)
    write_table(folder.path / "clips.csv", columns, rows)
