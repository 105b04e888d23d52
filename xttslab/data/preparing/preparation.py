"""A source and a plan in, a prepared data set on disk and a summary out: the steps in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xttslab.data.audio import content_hash, write_whole
from xttslab.data.datasheet import write_template
from xttslab.data.manifest import EVAL, Clip, Rejection, assign_split
from xttslab.data.preparing.clips import Recipe
from xttslab.data.preparing.naming import Names
from xttslab.data.preparing.output import Folder, write_rejected, write_table
from xttslab.data.preparing.parallel import run_all
from xttslab.data.preparing.records import Record, key_of
from xttslab.data.preparing.rows import by_name, merge
from xttslab.data.preparing.sources import Item, find_items
from xttslab.data.preparing.work import ClipTask, make_clip
from xttslab.errors import UserError


@dataclass(frozen=True)
class Plan:
    """How a set is prepared; see conf/prepare.yaml for every parameter."""

    recipe: Recipe
    language: str
    speaker: str
    eval_share: float
    workers: int


@dataclass(frozen=True)
class Summary:
    """What a preparation came to; `unchanged` says that there was nothing to do."""

    clips: tuple[Clip, ...]
    rejected: tuple[Rejection, ...]
    hours: float
    unchanged: bool

    @property
    def held_out(self) -> int:
        """Clips that are kept for evaluation."""
        return sum(clip.split == EVAL for clip in self.clips)


def prepare(source: Path, folder: Folder, plan: Plan) -> Summary:
    """Prepare everything in `source` into `folder`; goes on where an earlier run stopped.

    Raises UserError for faults of the whole source or the machine.
    """
    items, faults = find_items(source, folder.name, plan.language, plan.speaker)
    digests = [content_hash(item.clip.audio) for item in items]
    inputs = key_of(items, digests, faults, plan)
    if _stamp(folder, inputs) == _read(folder.state / "done"):
        return _summary(folder, plan, unchanged=True)
    records = _make_clips(source, items, digests, folder, plan)
    made = {
        record.name: _clip(record, item, folder)
        for record, item in zip(records, items, strict=True)
        if not record.reason
    }
    _remember_faults(folder, source, faults)
    _write(folder, plan, made)
    summary = _summary(folder, plan, unchanged=False)
    voices = [clip.speaker for clip in summary.clips]
    write_template(folder.path, plan.language, str(source), voices)
    write_whole(folder.state / "done", _stamp(folder, inputs).encode())
    return summary


def _make_clips(
    source: Path, items: Sequence[Item], digests: Sequence[str], folder: Folder, plan: Plan
) -> list[Record]:
    where, names = str(source.resolve()), Names(folder.journal)
    tasks = []
    for item, digest in zip(items, digests, strict=True):
        name = names.claim(where, item.origin, digest)
        blank = Record(name, where, item.origin, digest, key="", text=item.clip.text)
        tasks.append(ClipTask(item.clip.audio, blank, plan.recipe, folder.path))
    return list(run_all(make_clip, tasks, plan.workers, "clips"))


def _clip(record: Record, item: Item, folder: Folder) -> Clip:
    return Clip(**asdict(item.clip) | {"audio": folder.audio(record.name)})


def _write(folder: Folder, plan: Plan, made: dict[str, Clip]) -> None:
    current, written = by_name(folder.rows(plan.language)), by_name(folder.written())
    rows, deleted = merge(made, current, written)
    records = {record.name: record for record in folder.journal}
    usable = [row for row in rows if not records[row.audio.stem].reason]
    rejected = [*_stored_faults(folder), *_journal_faults(records.values())]
    rejected += [Rejection(f"wavs/{c.audio.name}", "its row was deleted", c.text) for c in deleted]
    write_rejected(folder.path / "rejected.csv", rejected)
    if not usable:
        first = f"; the first: {rejected[0].reason} {rejected[0].value}" if rejected else ""
        raise UserError(f"{folder.path}: every clip was rejected, see rejected.csv{first}")
    digests = [records[row.audio.stem].digest for row in usable]
    folder.write_rows(assign_split(usable, digests, plan.eval_share), deleted)
    changes = [
        (f"wavs/{row.audio.name}", what, value)
        for row in usable
        for what, value in records[row.audio.stem].changes
    ]
    write_table(folder.path / "changed.csv", ("audio_file", "change", "value"), changes)


def _journal_faults(records: Iterable[Record]) -> list[Rejection]:
    return [Rejection(r.origin, r.reason, r.value) for r in records if r.reason]


def _remember_faults(folder: Folder, source: Path, faults: Sequence[Rejection]) -> None:
    """Rows that name no usable file leave no record: keep them by source."""
    stored = json.loads(_read(folder.state / "row_faults.json") or "{}")
    stored[str(source.resolve())] = [asdict(fault) for fault in faults]
    write_whole(folder.state / "row_faults.json", json.dumps(stored).encode())


def _stored_faults(folder: Folder) -> list[Rejection]:
    stored = json.loads(_read(folder.state / "row_faults.json") or "{}")
    return [Rejection(**fault) for faults in stored.values() for fault in faults]


def _summary(folder: Folder, plan: Plan, unchanged: bool) -> Summary:
    rows = folder.rows(plan.language)
    records = {record.name: record for record in folder.journal}
    hours = sum(records[row.audio.stem].seconds for row in rows) / 3600
    rejected = (*_stored_faults(folder), *_journal_faults(records.values()))
    return Summary(tuple(rows), rejected, hours, unchanged)


def _stamp(folder: Folder, inputs: str) -> str:
    """Equal as long as nothing that a preparation reads or writes has changed."""
    metadata = folder.path / "metadata.csv"
    rows = content_hash(metadata) if metadata.is_file() else ""
    present = sorted(path.name for path in (folder.path / "wavs").glob("*.wav"))
    return key_of(inputs, rows, present)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
