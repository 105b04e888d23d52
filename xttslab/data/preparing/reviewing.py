"""Lets a person correct a prepared set clip by clip: texts, categories, which clips are used.

Every decision is written into `metadata.csv` at once; what `prepare` later makes of the set keeps
all of it (see `assembly`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xttslab.data.audio_names import locate_audio
from xttslab.data.columns import AUDIO, CATEGORY, TEXT
from xttslab.data.manifest import PROPOSED, TRAIN, Rejection, cells_of, is_category, slug
from xttslab.data.preparing.folder import Folder, read_table
from xttslab.data.preparing.review_files import (
    DELETED,
    KEPT,
    OUT,
    REJECTED,
    REVIEWED,
    EditedRows,
    Flag,
    ReviewTables,
    decide,
    decisions,
    reject,
    tidy,
)
from xttslab.errors import UserError
from xttslab.text.hungarian import spell_out_checked

OPEN = "open"  # nothing was decided on the clip yet
_PATIENCE_S = 2.0  # for another decision that is just being written
_LONGEST_TEXT, _LONGEST_REASON = 2000, 200  # characters


@dataclass(frozen=True)
class ReviewClip:
    """A clip as a reviewer sees it. `category` is the cell of metadata.csv (`question?` was only
    proposed), `doubt` the weight of its flags, `state` is open, kept or out, `reason` says why it
    is out."""

    audio_file: str
    text: str
    category: str
    split: str = ""
    language: str = ""
    seconds: float | None = None
    flags: tuple[Flag, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    doubt: float = 0.0
    state: str = OPEN
    reason: str = ""


@dataclass(frozen=True)
class Seen:
    """What a reviewer saw of a clip's row before deciding: `used` where it had one."""

    text: str
    category: str
    used: bool


class RowChanged(UserError):
    """Another program changed a row meanwhile; `clip` is what it says now."""

    def __init__(self, message: str, clip: ReviewClip) -> None:
        super().__init__(message)
        self.clip = clip


@dataclass(frozen=True)
class Doubts:
    """How much a flag of each check counts; checks that are not in `weights` count `other`."""

    weights: Mapping[str, float]
    other: float

    def of(self, flags: tuple[Flag, ...]) -> float:
        """The sum over the flags of a clip, which orders the clips of a review."""
        return sum(self.weights.get(flag.check, self.other) for flag in flags)


class ReviewedSet:
    """One data set under review. Every decision is made on what the disk says at that moment, so
    that other programs may write there, too; calls may come from several threads.

    Raises UserError, when made, for a set that is being prepared or cannot be read.
    """

    def __init__(self, folder: Folder, doubts: Doubts) -> None:
        self._folder, self._doubts = folder, doubts
        self._path = folder.path / "metadata.csv"
        self._thread = threading.Lock()
        self._tables = ReviewTables.read(folder)
        self._known: dict[str, dict[str, str]] = {}  # rows that were there in this session
        folder.state.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._mend()

    @property
    def name(self) -> str:
        """The data set's name."""
        return self._folder.name

    def clips(self) -> list[ReviewClip]:
        """All clips, the most doubtful first; those that are left out last."""
        rows, decided = EditedRows.read(self._path).rows, decisions(self._folder)
        self._tables = ReviewTables.read(self._folder)
        self._known |= rows
        used = [self._used(file, row, decided.get(file, {})) for file, row in rows.items()]
        used.sort(key=lambda clip: -clip.doubt)
        spare = self._spare(rows)
        return [*used, *(self._out(file, *found) for file, found in spare.items())]

    def audio(self, audio_file: str) -> Path | None:
        """The recording of a clip; None where the set's folder has none of that name."""
        if audio_file not in EditedRows.read(self._path).rows and audio_file not in self._spare({}):
            return None
        (place,) = locate_audio(self._folder.path, [audio_file])
        inside = place.path.resolve().is_relative_to(self._folder.path.resolve())
        return place.path if not place.fault and inside else None

    def keep(self, audio_file: str, seen: Seen, text: str, category: str) -> ReviewClip:
        """Write text and category of a clip, which is taken back where it was left out.

        Raises RowChanged where its row is no longer as it was seen, and UserError for what cannot
        be written; then nothing is written.
        """
        text = tidy(text)
        with self._alone():
            manifest = EditedRows.read(self._path)
            row, place = self._find(audio_file, seen, manifest)
            taken_back = audio_file not in manifest.rows
            _check_text(text, row, taken_back)
            _check_category(category, row[CATEGORY])
            changed = {**row, TEXT: text, CATEGORY: category}
            if taken_back:
                changed["split"] = row.get("split") or TRAIN
            if taken_back or (row[TEXT], row[CATEGORY]) != (text, category):
                manifest.put(audio_file, changed, place)
                manifest.write(self._path)
            decision = {"did": KEPT, "text": text, "category": category}
            decide(self._folder, audio_file, decision)
            if taken_back:
                reject(self._folder, audio_file, None)
        return self._used(audio_file, changed, decision)

    def leave_out(self, audio_file: str, seen: Seen, reason: str) -> ReviewClip:
        """Take a clip's row out of metadata.csv and list it in rejected.csv with the reason.

        Raises as `keep` does.
        """
        reason = tidy(reason)
        if not 0 < len(reason) <= _LONGEST_REASON:
            raise UserError(
                f"the reason has {len(reason)} characters; write 1 to {_LONGEST_REASON}"
            )
        with self._alone():
            manifest = EditedRows.read(self._path)
            row, place = self._find(audio_file, seen, manifest)
            if [*manifest.rows] == [audio_file]:
                raise UserError(f"{audio_file} is the last clip of the set; keep it")
            told = f"{REVIEWED}: {reason}"
            # first the decision with the row: it has to be somewhere at every moment
            out = {"did": OUT, "reason": told, "row": row, "place": place}
            decide(self._folder, audio_file, out)
            if manifest.rows.pop(audio_file, None) is not None:
                manifest.write(self._path)
            reject(self._folder, audio_file, Rejection(audio_file, told, row[TEXT]))
        return self._out(audio_file, row, told)

    def _find(self, file: str, seen: Seen, manifest: EditedRows) -> tuple[dict[str, str], int]:
        """The row of a clip and its place in the file, if it is as it was seen."""
        if file in manifest.rows:
            row = manifest.rows[file]
            now = self._used(file, row, {})
            place = [*manifest.rows].index(file)
        elif found := self._spare(manifest.rows).get(file):
            row, now = found[0], self._out(file, *found)
            place = decisions(self._folder).get(file, {}).get("place", len(manifest.rows))
        else:
            raise UserError(f"{file}: the set has no such clip; load the page again")
        if seen == Seen(now.text, now.category, now.state != OUT):
            return row, place
        did = f"changed its row to {now.text!r} ({now.category or 'no category'})"
        if seen.used != (now.state != OUT):
            did = f"took its row {'out of' if seen.used else 'into'} metadata.csv"
        raise RowChanged(f"{file}: another program {did}; press again to write yours", now)

    def _used(self, file: str, row: dict[str, str], decision: Mapping[str, Any]) -> ReviewClip:
        flags = self._tables.flags.get(file, ())
        if not row[TEXT]:
            flags += (Flag("no_text", "no text: it is not trained on", ""),)
        if not row[CATEGORY] or row[CATEGORY].endswith(PROPOSED):
            flags += (Flag("category", "no person has confirmed the category", ""),)
        same = (decision.get("text"), decision.get("category")) == (row[TEXT], row[CATEGORY])
        state = KEPT if decision.get("did") == KEPT and same else OPEN
        return self._shown(file, row, flags, state, "")

    def _out(self, file: str, row: dict[str, str], reason: str) -> ReviewClip:
        return self._shown(file, row, self._tables.flags.get(file, ()), OUT, reason)

    def _shown(
        self, file: str, row: dict[str, str], flags: tuple[Flag, ...], state: str, reason: str
    ) -> ReviewClip:
        return ReviewClip(
            file, row[TEXT], row[CATEGORY], row.get("split", ""), row.get("language", ""),
            self._tables.seconds.get(file), flags, self._tables.changes.get(file, ()),
            self._doubts.of(flags), state, reason,
        )  # fmt: skip

    def _spare(self, rows: Mapping[str, object]) -> dict[str, tuple[dict[str, str], str]]:
        """Clips without a row that can be had again: their row, and why they are left out."""
        folder, reasons = self._folder, self._reasons()
        found = {file: (row, reasons.get(file, DELETED)) for file, row in self._known.items()}
        for clip in (*folder.left_out(), *folder.written()):
            cells = cells_of(clip, folder.path)
            if clip.audio.is_file():
                found[cells[AUDIO]] = cells, reasons.get(cells[AUDIO], DELETED)
        for file, decision in decisions(folder).items():
            if decision["did"] == OUT:
                found[file] = decision["row"], decision["reason"]
        return {file: entry for file, entry in found.items() if file not in rows}

    def _reasons(self) -> dict[str, str]:
        rows = read_table(self._folder.path / REJECTED)
        return {row["audio_file"]: row["reason"] for row in rows}

    def _mend(self) -> None:
        """Finish what a process was killed in: rejected.csv follows metadata.csv."""
        rows, listed = EditedRows.read(self._path).rows, self._reasons()
        for file, decision in decisions(self._folder).items():
            told = decision.get("reason", "")
            if decision["did"] == OUT and file not in rows and listed.get(file) != told:
                reject(self._folder, file, Rejection(file, told, decision["row"][TEXT]))
            elif file in rows and listed.get(file, "").startswith(REVIEWED):
                reject(self._folder, file, None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that `prepare` takes, too."""
        with self._thread:
            try:
                with FileLock(self._folder.state / "lock", timeout=_PATIENCE_S):
                    yield
            except Timeout as fault:
                wait = "wait until it has ended; nothing was saved"
                raise UserError(
                    f"{self._folder.path} is being prepared by another process; {wait}"
                ) from fault


def _check_text(text: str, row: Mapping[str, str], taken_back: bool) -> None:
    if not text:
        raise UserError("the text is empty; write what is said, or leave the clip out")
    if len(text) > _LONGEST_TEXT:
        raise UserError(f"the text has {len(text)} characters; a clip has at most {_LONGEST_TEXT}")
    if row.get("language") == "hu" and (taken_back or text != row[TEXT]):
        spell_out_checked(text)


def _check_category(category: str, before: str) -> None:
    if category != before and not is_category(category):
        raise UserError(
            f"category {category!r} may hold a-z, 0-9, _ and - only; write {slug(category)!r}"
        )
