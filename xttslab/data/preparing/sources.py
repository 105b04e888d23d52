"""Finds the clips or recordings of a source, and unpacks the demo sets of the package.

The demo recordings are the project's own: a synthetic speaker that is no person, made by
`experiments/demo_voice/` and shipped as Opus in `assets/demo/`.
"""

from __future__ import annotations

import os
import re
import unicodedata
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
    has_metadata,
    read_folder,
    write_metadata,
)
from xttslab.data.preparing.unread_texts import TABLES, unread_files, unread_rows
from xttslab.data.text_files import read_text
from xttslab.errors import UserError
from xttslab.files import write_atomically

ASSETS = Path(__file__).parents[2] / "assets" / "demo"
SPEAKER = "demo"
_LICENCE = "Apache-2.0"
_SOURCE = (
    "Synthetic Hungarian speech of a mixed voice that belongs to no person "
    "(Kokoro-82M, Apache-2.0; sentences by the xttslab project)"
)
BESIDE = (".txt", ".lab")  # endings of a file that holds what is said in the recording beside it
_TIMES = re.compile(r"-->|^\W?\d{1,2}:\d{2}:\d{2}", re.MULTILINE)
_LABELS = re.compile(r"(\s*\d+\s+\d+\s+\S+\s*)+")  # begin, end and phone, as HTK writes them


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
    placed = assign_split(packed, [content_hash(clip.audio) for clip in packed])
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
    `recording` is yet to be cut into clips."""

    clip: Clip
    origin: str
    recording: bool
    digest: str


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


def find_items(
    source: Path, name: str, language: str, speaker: str
) -> tuple[list[Item], list[Rejection]]:
    """Read a source for data set `name`: a folder of clips with metadata, or long recordings.

    Recordings are all audio files of a folder without metadata, or a single file; a `.txt` or
    `.lab` beside one is what is said in it. Texts that are not read are named among the rejections.
    Raises UserError where there is nothing to read.
    """
    labelled = source.is_dir() and has_metadata(source)
    root = Path(os.path.normpath(source if source.is_dir() else source.parent))
    if labelled:
        clips, rejected = read_folder(source, name, language, raw=True)
        clips = [replace(c, speaker=speaker) if c.speaker == UNNAMED else c for c in clips]
        rejected += unread_rows(root, [clip.audio for clip in clips])
        beside = []
    else:
        paths = _recordings(source)
        beside = [path.with_suffix(ending) for path in paths for ending in BESIDE]
        texts = {path: _text_beside(path, root) for path in paths}
        clips = [
            Clip(audio=path, text=text, speaker=speaker, language=language, source=name)
            for path, (text, _) in texts.items()
        ]
        rejected = [fault for _, fault in texts.values() if fault]
    rejected += unread_files(source, beside)
    items, unreadable = [], []
    for clip in clips:
        origin = Path(os.path.normpath(clip.audio)).relative_to(root).as_posix()
        try:
            digest = content_hash(clip.audio)
        except OSError as fault:  # no right to read it, a link to nowhere, or one in a circle
            unreadable.append(Rejection(origin, "the file cannot be read", fault.strerror or ""))
            continue
        items.append(Item(clip, origin, not labelled, digest))
    if not items:
        raise UserError(f"source {source}: no file in it can be read; {unreadable[0].value}")
    return items, [*rejected, *unreadable]


def _text_beside(path: Path, root: Path) -> tuple[str, Rejection | None]:
    """What the file beside a recording says is said in it, or why it is not read."""
    beside = next((b for e in BESIDE if (b := path.with_suffix(e)).is_file()), None)
    if beside is None:
        return "", None
    name = os.path.relpath(beside, root)
    try:
        text = read_text(beside)
    except UserError as fault:
        return "", Rejection(name, "the text beside a recording cannot be read", str(fault))
    if _TIMES.search(text) or (beside.suffix == ".lab" and _LABELS.fullmatch(text)):
        reason = "a text with times beside a recording is not read; leave the words alone in it"
        return "", Rejection(name, reason, text.split("\n")[0][:40])
    return " ".join(unicodedata.normalize("NFC", text).split()), None


def _recordings(source: Path) -> list[Path]:
    if source.is_file():
        if source.suffix.lower() in TABLES:
            remedy = "call it metadata.csv and give the folder that it lies in"
            raise UserError(f"source {source}: is a table of texts, no recording; {remedy}")
        return [source]
    if not source.is_dir():
        raise UserError(f"source {source}: no such file or folder; correct source=PATH")
    found = sorted(audio_files(source))
    if not found:
        wanted = " ".join(AUDIO_SUFFIXES[:5])
        raise UserError(f"source {source}: neither metadata nor recordings ({wanted} …) in it")
    return found
