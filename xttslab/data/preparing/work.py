"""One piece of work for a worker process: a source file in, clip files and their records out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, AudioFault, content_hash, write_audio
from xttslab.data.preparing.clips import MADE_BY, Finished, Recipe, Unusable
from xttslab.data.preparing.decoding import Facts, Stream
from xttslab.data.preparing.records import Journal, Record, key_of


@dataclass(frozen=True)
class ClipTask:
    """A clip of a folder with metadata, to be made under `folder` (the data set)."""

    audio: Path
    record: Record
    recipe: Recipe
    folder: Path


def make_clip(task: ClipTask) -> Record:
    """Make the clip, write it and its record; a fault becomes a record with a reason.

    Raises UserError only for faults of the machine (disk full).
    """
    journal = Journal(task.folder / ".prepare" / "clips")
    key = key_of(MADE_BY, task.recipe, task.record.origin_digest)
    target = task.folder / "wavs" / f"{task.record.name}.wav"
    known = journal.load(task.record.name)
    if known and known.key == key and (known.reason or target.is_file()):
        return known
    blank = replace(task.record, key=key)
    try:
        record = _make(task, blank, target)
    except (AudioFault, Unusable) as fault:
        record = replace(blank, reason=fault.reason, value=fault.value)
    journal.save(record)
    return record


def _make(task: ClipTask, blank: Record, target: Path) -> Record:
    stream = Stream(task.audio)
    task.recipe.require_length(stream.facts.seconds)
    samples = np.concatenate(list(stream))
    if stream.truncated:
        heard = f"{len(samples) / SAMPLE_RATE:.2f} s of {stream.facts.seconds:.2f} s"
        raise Unusable("the file is cut off: its header promises more", heard)
    finished = task.recipe.finish(samples)
    write_audio(target, finished.samples)
    return replace(
        blank,
        start=finished.start,
        end=finished.end,
        digest=content_hash(target),
        changes=(*_converted(stream.facts), *finished.changes),
        measures=_measures(finished),
    )


def _measures(finished: Finished) -> dict[str, float]:
    return {"seconds": len(finished.samples) / SAMPLE_RATE}


def _converted(facts: Facts) -> list[tuple[str, str]]:
    changes = []
    if facts.rate != SAMPLE_RATE:
        changes.append(("resampled", f"{facts.rate} Hz"))
    if facts.channels != 1:
        changes.append(("channels averaged", str(facts.channels)))
    return changes
