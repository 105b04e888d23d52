"""Prepares a source as a data set, step by step, and prints a summary of the result."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

from filelock import FileLock, Timeout
from pydantic import ConfigDict, Field, NonNegativeInt, SkipValidation
from pydantic.dataclasses import dataclass
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xttslab.data.audio import content_hash
from xttslab.data.datasheet import read_sheet, write_sheet
from xttslab.data.manifest import Clip, Rejection
from xttslab.data.preparing.assembly import Assembly
from xttslab.data.preparing.categories import ClipDelivery, FolderCategories, Proposer
from xttslab.data.preparing.checks import Checks
from xttslab.data.preparing.clip_maker import ClipMaker
from xttslab.data.preparing.finishing import Recipe
from xttslab.data.preparing.folder import TABLES, Folder, key_of, read_table
from xttslab.data.preparing.making import Made, make_clips
from xttslab.data.preparing.sources import Found, Item, find_items, keep_one_speaker
from xttslab.data.preparing.speaker_search import SpeakerSearch
from xttslab.data.preparing.transcript_search import describe
from xttslab.data.preparing.transcripts import SpeechRecogniser, Texts, Transcriber, find_texts
from xttslab.data.preparing.voice_samples import wanted_speaker
from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.overrides import shell_line

_SHOWN = 20  # lines of each table; the file has them all
_COUNTED = ("starts_inside_sentence", "ends_inside_sentence")  # too many of them to list each
_VERSION = 2  # raise it when newer code would write other tables from the same clips


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class PreparationPlan:
    """How a set is prepared; see conf/prepare.yaml for every parameter.

    `speaker_search` None: everybody is kept; `recogniser` None: nothing is transcribed;
    `proposer` None: no category is proposed.
    """

    recipe: Recipe
    checks: Checks
    folders: FolderCategories
    speaker_search: SpeakerSearch | None
    proposer: Proposer | None
    recogniser: SkipValidation[SpeechRecogniser | None]
    check_texts: bool
    language: str
    speaker: str
    keep_speaker: str
    eval_share: Annotated[float, Field(ge=0, lt=1)]
    workers: NonNegativeInt


def prepare(source: Path, folder: Folder, plan: PreparationPlan) -> bool:
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


def _prepare(source: Path, folder: Folder, plan: PreparationPlan) -> bool:
    found = find_items(source, folder.name, plan.language, plan.speaker)
    items, faults, understood = _named_by_folders(found, plan.folders)
    items, others = keep_one_speaker(items, plan.keep_speaker)
    faults = [*faults, *others]
    inputs = key_of(_VERSION, items, faults, replace(plan, workers=0))
    done = folder.state / "done"
    if done.is_file() and done.read_text(encoding="utf-8") == _stamp(folder, inputs):
        return False
    transcripts = [(item.origin, item.transcript) for item in items if item.transcript]
    for line in (*understood, *describe(transcripts)):
        print(line)
    search = plan.speaker_search
    wanted = wanted_speaker(search, plan.recipe.speech) if search else None
    maker = ClipMaker(folder.path, plan.recipe, wanted)
    segment_long = plan.recogniser is not None
    made, copies = make_clips(source, items, maker, plan.workers, segment_long)
    texts = find_texts(made, folder, _transcriber(plan, folder), plan.check_texts)
    faults = _with_earlier(folder, source, [*faults, *copies, *texts.unused])
    clips = _described(made, folder, texts, plan.proposer)
    Assembly(folder, plan.checks, plan.language, plan.eval_share).write(clips, texts, faults)
    speakers = [clip.speaker for clip in folder.rows(plan.language)]
    write_sheet(folder.path, plan.language, source, speakers)
    write_atomically(done, _stamp(folder, inputs).encode())
    return True


def _named_by_folders(
    found: Found, folders: FolderCategories
) -> tuple[list[Item], list[Rejection], list[str]]:
    """What was found, with the categories that the source's folders name."""
    items = found.items
    clips, told = folders.name([item.clip for item in items], [item.origin for item in items])
    named = [replace(item, clip=clip) for item, clip in zip(items, clips, strict=True)]
    return named, found.rejected, [*found.understood, *told]


def _transcriber(plan: PreparationPlan, folder: Folder) -> Transcriber | None:
    if plan.recogniser is None:
        return None
    return Transcriber(plan.recogniser, folder.state / "heard.jsonl")


def _described(
    made: Sequence[Made], folder: Folder, texts: Texts, proposer: Proposer | None
) -> dict[str, Clip]:
    """Every usable clip by name, with its text, and a proposed category where it has none."""
    pairs = [(m.item.clip, r) for m in made for r in m.records if not r.reason]
    clips = [
        replace(
            clip,
            audio=folder.audio(record.name),
            text=texts.by_name[record.name],
            speaker=record.speaker or clip.speaker,
        )
        for clip, record in pairs
    ]
    if proposer is not None:
        deliveries = [
            ClipDelivery(clip.text, record.measures)
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


def show(folder: Folder, language: str, console: Console | None = None) -> None:
    """Print the clips by category, each rejection and each finding, and what to do next."""
    console = console or Console(highlight=False, soft_wrap=True)
    clips = folder.rows(language)
    measures = read_table(folder.path / "clips.csv")
    minutes = sum(float(row["seconds"] or 0) for row in measures) / 60
    console.print(f"{folder.path}: {len(clips)} clips, {minutes:.1f} min")
    console.print(_categories(clips))
    rejected = read_table(folder.path / "rejected.csv")
    lines = [(row["audio_file"], row["reason"], row["value"]) for row in rejected]
    _lines(console, "rejected", lines, folder, "rejected.csv")
    review = read_table(folder.path / "review.csv")
    counts = Counter(row["finding"] for row in review if row["check"] in _COUNTED)
    listed = [row for row in review if row["check"] not in _COUNTED]
    lines = [(f"{count} clips", what, "") for what, count in counts.most_common()]
    lines += [(row["audio_file"], row["finding"], row["value"]) for row in listed]
    _lines(console, "review", lines, folder, "review.csv")
    others = sum(row["check"] == "voice" for row in review)
    if others and not any(row.get("voice_share") for row in measures):
        console.print(
            f"{others} clips with another voice: add voice=main to keep whoever speaks most, "
            "or voice=CLIP.wav to keep the person of that clip"
        )
    silent = sum(not clip.text for clip in clips)
    if silent:
        console.print(
            f"{silent} clips have no text and are not trained on: write it into "
            f"{folder.path / 'metadata.csv'}, or run again with transcripts.model=packaged"
        )
    warning = read_sheet(folder.path).warning()
    if warning:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    place = shell_line([f"data_dir={folder.path.parent}"])
    elsewhere = "" if folder.path.parent == Path("data") else f" {place}"
    if review:
        console.print(f"hear them: python -m xttslab.review dataset={folder.name}{elsewhere}")
    console.print(f"next: python -m xttslab.train dataset={folder.name}{elsewhere}")


def _lines(
    console: Console, kind: str, rows: list[tuple[str, str, str]], folder: Folder, file: str
) -> None:
    for name, reason, value in rows[:_SHOWN]:
        detail = f" ({value})" if value else ""
        console.print(escape(f"{kind}: {name}: {reason}{detail}"))
    if len(rows) > _SHOWN:
        console.print(f"… and {len(rows) - _SHOWN} more in {folder.path / file}")


def _categories(clips: list[Clip]) -> Table:
    table = Table()
    for column in ("category", "clips", "held out", "only proposed"):
        table.add_column(column, justify="left" if column == "category" else "right")
    counts = Counter(clip.category for clip in clips)
    held = Counter(clip.category for clip in clips if clip.split == "eval")
    assumed = Counter(clip.category for clip in clips if clip.category_assumed)
    for category, count in sorted(counts.items()):
        table.add_row(category, str(count), str(held[category]), str(assumed[category]))
    return table
