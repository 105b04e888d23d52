"""Finds the clips or recordings of a source, and unpacks the demo sets of the package.

The demo recordings are the project's own: a synthetic speaker that is no person, made by
`experiments/demo_voice/` and shipped as Opus in `assets/demo/`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from xttslab.data.audio import content_hash, read_audio, write_audio
from xttslab.data.audio_names import AUDIO_SUFFIXES, audio_files
from xttslab.data.datasheet import FILE, ConsentingSpeaker, DataSheet
from xttslab.data.manifest import (
    UNNAMED,
    Clip,
    Rejection,
    assign_split,
    read_folder,
    write_metadata,
)
from xttslab.data.preparing.layouts import LOOKED_FOR, TABLES, Listing, find_lists
from xttslab.data.preparing.sentence_cuts import OTHER_SPEAKER
from xttslab.data.preparing.timed_texts import TimedText
from xttslab.data.preparing.transcript_search import Beside, find_beside, named_speaker
from xttslab.data.preparing.unread_texts import (
    nearest,
    text_files,
    unread_files,
    unread_recordings,
)
from xttslab.errors import UserError
from xttslab.files import write_atomically

ASSETS = Path(__file__).parents[2] / "assets" / "demo"
SPEAKER = "demo"
_LICENCE = "Apache-2.0"
_EVAL_SHARE = 0.1  # held out of a demo set, whose split is frozen when it is unpacked
_SOURCE = (
    "Synthetic Hungarian speech of a mixed voice that belongs to no person "
    "(Kokoro-82M, Apache-2.0; sentences by the xttslab project)"
)
_SPEAKER_FOLDER = re.compile(r"(p|s|spk|speaker)[-_]?\d{2,}", re.IGNORECASE)


def demo_names() -> list[str]:
    """The sets that `lay_out` knows."""
    return sorted(path.parent.name for path in ASSETS.glob("*/metadata.csv"))


def lay_out(name: str, destination: Path) -> Path:
    """Decode demo set `name` to `destination/wavs/` (22,050 Hz, 16 bit), beside its
    `metadata.csv` (split included) and `dataset.yaml`; returns `destination`.

    Doing it again gives the same files. Raises UserError on an unknown name, and where
    `destination` cannot be written.
    """
    if name not in demo_names():
        raise UserError(f"{name}: no such demo set; the package holds {', '.join(demo_names())}")
    packed, _ = read_folder(ASSETS / name, source=name)
    # The packed bytes decide the split: decoders may differ by a rounding in the last bit.
    placed = assign_split(packed, [content_hash(clip.audio) for clip in packed], _EVAL_SHARE)
    clips = []
    for clip in placed:
        audio = destination / "wavs" / f"{clip.audio.stem}.wav"
        write_audio(audio, read_audio(clip.audio))
        clips.append(replace(clip, audio=audio))
    write_metadata(destination / "metadata.csv", clips)
    write_atomically(destination / FILE, _sheet(name).encode())
    return destination


def _sheet(name: str) -> str:
    speaker = ConsentingSpeaker(name=SPEAKER, synthetic=True)
    sheet = DataSheet(
        name=name, language="hu", source=_SOURCE, licence=_LICENCE, speakers=(speaker,)
    )
    return yaml.safe_dump(sheet.model_dump(), sort_keys=False, allow_unicode=True)


@dataclass(frozen=True)
class Item:
    """One audio file of a source: `origin` is its name there, `digest` its content's hash; a
    `recording` is yet to be cut into clips, by its `transcript` where it has one with times."""

    clip: Clip
    origin: str
    recording: bool
    digest: str
    transcript: TimedText | None = None


@dataclass(frozen=True)
class Found:
    """What a source holds: its items, what of it is not read, and what it was taken for, in
    lines."""

    items: list[Item]
    rejected: list[Rejection]
    understood: list[str]


def locate(source: str | None, folder: Path) -> Path:
    """Where to read data set `folder` from: the path given, or the packaged demo of that name.

    Raises UserError where neither is there.
    """
    if source is not None:
        return Path(source).expanduser()
    if not folder.name.startswith("demo_"):
        raise UserError(
            f"dataset={folder.name}: source=PATH is missing; name a folder of clips with metadata, "
            "a folder of recordings, or one recording"
        )
    return lay_out(folder.name, folder / ".prepare" / "demo")


def find_items(source: Path, name: str, language: str, speaker: str) -> Found:
    """Read a source for data set `name`: a folder with a list of its clips, or long recordings.

    Recordings are all audio files of a folder without such a list, or a single file; a text of its
    name beside one is what is said in it, with times or without. Texts that are not read are named
    among the rejections.
    Raises UserError where there is nothing to read.
    """
    root = Path(os.path.normpath(source if source.is_dir() else source.parent))
    listing = find_lists(root) if source.is_dir() else Listing()
    if listing.lists:
        clips, rejected = listing.clips(root, name, language)
        clips = [replace(c, speaker=speaker) if c.speaker == UNNAMED else c for c in clips]
        rejected += unread_recordings(root, [clip.audio for clip in clips])
        beside, understood = Beside(), listing.understood(root)
    else:
        paths = _recordings(source, listing)
        beside = find_beside(paths, text_files(source), root)
        blank = Clip(audio=source, text="", speaker=speaker, language=language, source=name)
        who = {path: _speaker(path, root, speaker) for path in paths}
        blanks = [replace(blank, audio=path, speaker=name) for path, name in who.items()]
        clips = [_recording(one, beside) for one in blanks]
        rejected = beside.faults
        told = f"{len(beside.plain)} with a text of that name, {len(beside.timed)} with times"
        understood = [f"recordings without a list of clips: {len(paths)}, {told}"]
    rejected += unread_files(source, beside.read, listing)
    items, unreadable = [], []
    for clip in clips:
        origin = Path(os.path.normpath(clip.audio)).relative_to(root).as_posix()
        try:
            digest = content_hash(clip.audio)
        except OSError as fault:  # no right to read it, a link to nowhere, or one in a circle
            unreadable.append(Rejection(origin, "the file cannot be read", fault.strerror or ""))
            continue
        timed = beside.timed.get(clip.audio)
        items.append(Item(clip, origin, not listing.lists, digest, timed))
    if not items:
        raise UserError(f"source {source}: no file in it can be read; {unreadable[0].value}")
    return Found(items, [*rejected, *unreadable], understood)


def keep_one_speaker(items: Sequence[Item], wanted: str) -> tuple[list[Item], list[Rejection]]:
    """Keep what the speaker called `wanted` says; all of it where `wanted` is empty.

    Of a recording with a transcript their sentences are kept, of clips those with that name in the
    metadata. What names nobody is left out. Raises UserError, with the names that there are, where
    nobody is called so.
    """
    if not wanted:
        return list(items), []
    seconds: Counter[str] = Counter()
    clips: Counter[str] = Counter()
    for item in items:
        if item.transcript is not None:
            seconds.update(item.transcript.speakers())
        elif not item.recording:
            clips[item.clip.speaker] += 1
    name = named_speaker(wanted, *((seconds, "s") if seconds else (clips, "clips")))
    kept, others = [], []
    for item in items:
        timed = item.transcript
        names = set(timed.speakers()) if timed is not None else {item.clip.speaker}
        if timed is None and item.recording:
            reason = "left out: no transcript with times says who speaks, and keep_speaker asks"
            others.append(Rejection(item.origin, reason, name))
        elif name not in names:
            others.append(Rejection(item.origin, OTHER_SPEAKER, ", ".join(sorted(names))))
        else:
            kept.append(replace(item, transcript=timed.keeping(name) if timed else None))
    return kept, others


def _speaker(path: Path, root: Path, otherwise: str) -> str:
    """Who speaks in a recording: the folder of a speaker that it lies in, such as VCTK's p225."""
    folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    return next((name for name in folders if _SPEAKER_FOLDER.fullmatch(name)), otherwise)


def _recording(blank: Clip, beside: Beside) -> Clip:
    """A recording with all that is said in it, and who says it where that is one person."""
    timed = beside.timed.get(blank.audio)
    if timed is None:
        return replace(blank, text=beside.plain.get(blank.audio, ""))
    names = list(timed.speakers())
    speaker = names[0] if len(names) == 1 and names[0] else blank.speaker
    return replace(blank, text=timed.text, speaker=speaker)


def _recordings(source: Path, listing: Listing) -> list[Path]:
    if source.is_file():
        if source.suffix.lower() in TABLES:
            remedy = "call it metadata.csv and give the folder that it lies in"
            raise UserError(f"source {source}: is a table of texts, no recording; {remedy}")
        return [source]
    if not source.is_dir():
        raise UserError(f"source {source}: no such file or folder; correct source=PATH")
    found = sorted(audio_files(source))
    if not found:
        wanted = f"recordings ({' '.join(AUDIO_SUFFIXES[:5])} …) and {LOOKED_FOR}"
        raise UserError(
            f"source {source}: nothing to prepare in it; looked for {wanted}; "
            f"the nearest match: {nearest(source, listing)}"
        )
    return found
