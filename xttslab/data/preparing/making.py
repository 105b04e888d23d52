"""Items of a source in, the records of their clips out; old clips of the same files go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xttslab.data.audio import AudioFault
from xttslab.data.manifest import Rejection
from xttslab.data.parallel import run_all
from xttslab.data.preparing.clips import Recipe
from xttslab.data.preparing.cutting import Recording, cut_recordings
from xttslab.data.preparing.decoding import inspect
from xttslab.data.preparing.naming import Names
from xttslab.data.preparing.records import Record
from xttslab.data.preparing.sources import Item
from xttslab.data.preparing.work import ClipTask, Workshop, make_clip
from xttslab.files import remove


@dataclass(frozen=True)
class Made:
    """An item and the records of its clips, in order; one record for an item that is a clip."""

    item: Item
    records: tuple[Record, ...]


def make_clips(
    source: Path, items: Sequence[Item], workshop: Workshop, workers: int, cut_long: bool
) -> tuple[list[Made], list[Rejection]]:
    """Make every clip of a source, in parallel; clips that are there already are left alone.

    `cut_long`: clips longer than training can use are cut like recordings. A recording with its
    text that is short enough to be a clip is one, so that its text needs no sharing out. Files
    whose content is in the set already are rejected.
    """
    stored = {record.name: record for record in workshop.journal}
    blanks, copies = _blanks(str(source.resolve()), items, stored)
    recordings, tasks = [], []
    for item, blank in blanks:
        if _is_cut(item, workshop.recipe, cut_long):
            recordings.append(Recording(item.clip.audio, blank))
        else:
            tasks.append(ClipTask(item.clip.audio, blank, workshop))
    records = list(run_all(make_clip, tasks, workers, "clips"))
    records += cut_recordings(recordings, workshop, workers)
    _forget_others(records, stored, workshop)
    by_base: dict[str, list[Record]] = {blank.base: [] for _, blank in blanks}
    for record in records:
        by_base[record.base].append(record)
    return [Made(item, tuple(by_base[blank.base])) for item, blank in blanks], copies


def _is_cut(item: Item, recipe: Recipe, cut_long: bool) -> bool:
    """Whether a file is cut at its pauses."""
    if item.recording and not item.clip.text:
        return True
    if not item.recording and not cut_long:
        return False
    longest = recipe.segments.max_s if item.recording and cut_long else recipe.max_seconds
    return _seconds(item.clip.audio) > longest


def _blanks(
    source: str, items: Sequence[Item], stored: Mapping[str, Record]
) -> tuple[list[tuple[Item, Record]], list[Rejection]]:
    """Each item with its name in an empty record; items whose content came before are left out."""
    names, blanks, copies = Names(stored.values()), [], []
    taken = {record.origin_digest: record.base for record in stored.values()}
    for item in items:
        base = names.claim(source, item.origin, item.digest)
        first = taken.setdefault(item.digest, base)
        if first != base:
            reason = "the same file is in the set already"
            copies.append(Rejection(item.origin, reason, first))
            continue
        blanks.append((item, Record(base, base, source, item.origin, item.digest)))
    return blanks, copies


def _forget_others(
    records: Sequence[Record], stored: Mapping[str, Record], workshop: Workshop
) -> None:
    """Remove clips that a recording no longer gives, since it is cut elsewhere now."""
    names = {record.name for record in records}
    bases = {record.base for record in records}
    for record in stored.values():
        if record.base in bases and record.name not in names:
            remove(workshop.target(record.name))
            workshop.journal.forget(record.name)


def _seconds(audio: Path) -> float:
    try:
        return inspect(audio).seconds
    except AudioFault:
        return 0.0  # the worker says what is wrong with it
