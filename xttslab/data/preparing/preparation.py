"""A source and a plan in, a prepared data set on disk and a summary out: the steps in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import ConfigDict, Field, NonNegativeInt, SkipValidation
from pydantic.dataclasses import dataclass

from xttslab.data.audio import content_hash
from xttslab.data.datasheet import write_sheet
from xttslab.data.manifest import Clip, Rejection
from xttslab.data.preparing.assembly import Assembly
from xttslab.data.preparing.categories import Delivery, Proposer
from xttslab.data.preparing.checks import Checks
from xttslab.data.preparing.clips import Recipe
from xttslab.data.preparing.making import Made, make_clips
from xttslab.data.preparing.output import TABLES, Folder
from xttslab.data.preparing.records import key_of
from xttslab.data.preparing.sources import find_items
from xttslab.data.preparing.texts import Texts, find_texts
from xttslab.data.preparing.transcripts import Listener, Recogniser
from xttslab.data.preparing.work import Workshop
from xttslab.errors import UserError
from xttslab.files import write_atomically


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Plan:
    """How a set is prepared; see conf/prepare.yaml for every parameter.

    `recogniser` None: nothing is transcribed; `proposer` None: no category is proposed.
    """

    recipe: Recipe
    checks: Checks
    proposer: Proposer | None
    recogniser: SkipValidation[Recogniser | None]
    check_texts: bool
    language: str
    speaker: str
    eval_share: Annotated[float, Field(ge=0, lt=1)]
    workers: NonNegativeInt


def prepare(source: Path, folder: Folder, plan: Plan) -> bool:
    """Prepare everything in `source` into `folder`; goes on where an earlier run stopped.

    Returns whether anything had to be done. Raises UserError for faults of the whole source or of
    the machine, and while another process prepares the same set.
    """
    folder.state.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.state / "lock", timeout=0):
            return _prepare(source, folder, plan)
    except Timeout as fault:
        wait = "wait for it, or end it; either way the same command goes on from there"
        raise UserError(f"{folder.path} is being prepared by another process; {wait}") from fault


def _prepare(source: Path, folder: Folder, plan: Plan) -> bool:
    items, faults = find_items(source, folder.name, plan.language, plan.speaker)
    inputs = key_of(items, faults, replace(plan, workers=0), plan.recipe.voices is not None)
    done = folder.state / "done"
    if done.is_file() and done.read_text(encoding="utf-8") == _stamp(folder, inputs):
        return False
    workshop = Workshop(folder.path, plan.recipe)
    cut_long = plan.recogniser is not None
    made, copies = make_clips(source, items, workshop, plan.workers, cut_long)
    texts = find_texts(made, folder, _listener(plan, folder), plan.check_texts)
    faults = _with_earlier(folder, source, [*faults, *copies, *texts.unused])
    clips = _described(made, folder, texts, plan.proposer)
    Assembly(folder, plan.checks, plan.language, plan.eval_share).write(clips, texts, faults)
    speakers = [clip.speaker for clip in folder.rows(plan.language)]
    write_sheet(folder.path, plan.language, source, speakers)
    write_atomically(done, _stamp(folder, inputs).encode())
    return True


def _listener(plan: Plan, folder: Folder) -> Listener | None:
    if plan.recogniser is None:
        return None
    return Listener(plan.recogniser, folder.state / "heard.jsonl")


def _described(
    made: Sequence[Made], folder: Folder, texts: Texts, proposer: Proposer | None
) -> dict[str, Clip]:
    """Every usable clip by name, with its text, and a proposed category where it has none."""
    pairs = [(m.item.clip, r) for m in made for r in m.records if not r.reason]
    clips = [
        replace(clip, audio=folder.audio(record.name), text=texts.by_name[record.name])
        for clip, record in pairs
    ]
    if proposer is not None:
        deliveries = [
            Delivery(clip.text, record.measures)
            for clip, (_, record) in zip(clips, pairs, strict=True)
        ]
        proposed = zip(clips, proposer.propose(deliveries), strict=True)
        clips = [replace(c, category=p) if c.category_assumed else c for c, p in proposed]
    return {clip.audio.stem: clip for clip in clips}


def _with_earlier(folder: Folder, source: Path, faults: Sequence[Rejection]) -> list[Rejection]:
    """Add what earlier sources of the set could not use, and remember this one's."""
    path = folder.state / "faults.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    stored[str(source.resolve())] = [asdict(fault) for fault in faults]
    write_atomically(path, json.dumps(stored, ensure_ascii=False).encode())
    return [Rejection(**fault) for rows in stored.values() for fault in rows]


def _stamp(folder: Folder, inputs: str) -> str:
    """Equal as long as nothing that a preparation reads or writes has changed."""
    metadata = folder.path / "metadata.csv"
    rows = content_hash(metadata) if metadata.is_file() else ""
    present = [name for name in TABLES if (folder.path / name).is_file()]
    clips = sorted(path.name for path in (folder.path / "wavs").glob("*.wav"))
    return key_of(inputs, rows, present, clips)
