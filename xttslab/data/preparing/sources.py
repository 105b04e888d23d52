"""The path that a person names in, its clips or long recordings out, and what cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xttslab.data.audio import content_hash
from xttslab.data.manifest import UNNAMED, Clip, Rejection, has_metadata, read_folder
from xttslab.data.metadata import decode_text
from xttslab.errors import UserError

AUDIO_SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".w64", ".rf64", ".au",
    ".caf", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".mov",
)  # fmt: skip


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
    from xttslab.data.demo import lay_out

    return lay_out(folder.name, folder / ".prepare" / "demo")


def find_items(
    source: Path, name: str, language: str, speaker: str
) -> tuple[list[Item], list[Rejection]]:
    """Read a source for data set `name`: a folder of clips with metadata, or long recordings.

    Recordings are all audio files of a folder without metadata, or a single file; a `.txt` beside
    one is what is said in it. Raises UserError where there is nothing to read.
    """
    labelled = source.is_dir() and has_metadata(source)
    if labelled:
        clips, rejected = read_folder(source, name, language, raw=True)
        clips = [replace(c, speaker=speaker) if c.speaker == UNNAMED else c for c in clips]
        root = Path(os.path.normpath(source))
    else:
        root = source if source.is_dir() else source.parent
        clips = [_recording(path, name, language, speaker) for path in _recordings(source)]
        rejected = []
    items = []
    for clip in clips:
        origin = clip.audio.relative_to(root).as_posix()
        try:
            digest = content_hash(clip.audio)
        except OSError as fault:  # no right to read it, a link to nowhere, or one in a circle
            rejected.append(Rejection(origin, "the file cannot be read", fault.strerror or ""))
            continue
        items.append(Item(clip, origin, not labelled, digest))
    if not items:
        raise UserError(f"source {source}: no file in it can be read; {rejected[0].value}")
    return items, rejected


def _recording(path: Path, name: str, language: str, speaker: str) -> Clip:
    beside = path.with_suffix(".txt")
    text = " ".join(decode_text(beside).split()) if beside.is_file() else ""
    return Clip(audio=path, text=text, speaker=speaker, language=language, source=name)


def _recordings(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UserError(f"source {source}: no such file or folder; correct source=PATH")
    found = sorted(_audio_files(source))
    if not found:
        wanted = " ".join(AUDIO_SUFFIXES[:5])
        raise UserError(f"source {source}: neither metadata nor recordings ({wanted} …) in it")
    return found


def _audio_files(folder: Path) -> Iterator[Path]:
    for root, _, files in os.walk(folder):  # does not follow links to folders, so no loops
        for file in files:
            path = Path(root, file)
            if path.suffix.lower() in AUDIO_SUFFIXES and not file.startswith("."):
                yield path
