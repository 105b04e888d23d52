"""Finds the audio files that the rows of a metadata file name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

AUDIO_SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".w64", ".rf64", ".au",
    ".caf", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".mov",
)  # fmt: skip
_CLIPS = "wavs"  # LJSpeech's folder, which its rows leave out
MISSING = "no such audio file"
_OUTSIDE = "the path leaves the folder"


@dataclass(frozen=True)
class Located:
    """Where a named file lies; with a `fault`, the place that was tried, and `value` shows it."""

    path: Path
    fault: str = ""
    value: str = ""


def locate_audio(folder: Path, names: Sequence[str]) -> list[Located]:
    """The file in `folder` that each of the names means, in their order.

    Tried for each: the name as written; below `wavs/`; with any ending for sound; in any case, with
    `\\` or `/`, in either Unicode form; its end as a file's whole path, or itself as a path's end
    (a set that was moved). What is still not found may lie in a folder of another name, provided
    that no other row has a file there. A name that fits several files is a fault.
    """
    root = os.path.normpath(folder)
    places = [_as_written(root, name) for name in names]
    if all(places):
        return [Located(Path(place)) for place in places if place]
    index = _Index(Path(root))
    found = [
        Located(Path(place)) if place else index.find(name)
        for name, place in zip(names, places, strict=True)
    ]
    taken = {place.path.parent for place in found if not place.fault}
    return [
        index.find_moved(name, taken) or place if place.fault in (MISSING, _OUTSIDE) else place
        for name, place in zip(names, found, strict=True)
    ]


def audio_files(folder: Path) -> Iterator[Path]:
    """All files below a folder whose ending is one of a sound format, hidden ones left out."""
    for root, folders, files in os.walk(folder):  # does not follow links to folders, so no loops
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            path = Path(root, file)
            if path.suffix.lower() in AUDIO_SUFFIXES and not file.startswith("."):
                yield path


def _as_written(root: str, name: str) -> str | None:
    written = os.path.normpath(os.path.join(root, name))
    below = os.path.normpath(os.path.join(root, _CLIPS, name))
    candidates = (path + ending for ending in ("", ".wav", ".flac") for path in (written, below))
    return next((p for p in candidates if os.path.isfile(p) and _is_inside(p, root)), None)


def _is_inside(path: str, root: str) -> bool:
    """Whether a normal path lies below a normal root, which may be `.`."""
    return Path(path).is_relative_to(root) and not path.startswith("..")


@dataclass(frozen=True)
class _Index:
    """The sound files of a folder by every end of their paths, with and without ending."""

    root: Path

    def find(self, name: str) -> Located:
        """The file whose path ends in the name, or whose whole path the name ends in."""
        parts = _parts(name)
        matches = self._matches(self._ends, parts)
        for start in range(1, len(parts)):
            matches = matches or self._matches(self._whole, parts[start:])
        if matches:
            return self._choose(matches, parts)
        written = os.path.normpath(os.path.join(self.root, name))
        inside = _is_inside(written, str(self.root))
        return Located(Path(written), MISSING if inside else _OUTSIDE, written)

    def find_moved(self, name: str, taken: set[Path]) -> Located | None:
        """The file in a folder that is not `taken` whose path has the longest end in common with
        the name; None where there is none."""
        parts = _parts(name)
        for start in range(1, len(parts)):
            found = self._matches(self._ends, parts[start:])
            matches = [path for path in found if path.parent not in taken]
            if matches:
                return self._choose(matches, parts[start:])
        return None

    def _matches(self, paths: dict[str, list[Path]], parts: Sequence[str]) -> list[Path]:
        key = folded("/".join(parts))
        found = paths.get(key, [])
        stem, ending = os.path.splitext(key)
        if not found and ending in AUDIO_SUFFIXES:  # the sound was converted to another format
            found = paths.get(stem, [])
        return found

    def _choose(self, matches: Sequence[Path], parts: Sequence[str]) -> Located:
        """The match nearest to the root and in the name's own case; of one sound in several
        formats the first of AUDIO_SUFFIXES."""
        stem = unicodedata.normalize("NFC", _without_ending(parts[-1]))
        ranks = {path: self._rank(path, stem) for path in matches}
        best = [path for path in matches if ranks[path] == min(ranks.values())]
        if len({path.with_suffix("") for path in best}) > 1:
            shown = ", ".join(path.relative_to(self.root).as_posix() for path in best[:3])
            return Located(best[0], "the name fits several files", shown)
        return Located(min(best, key=lambda path: AUDIO_SUFFIXES.index(path.suffix.lower())))

    def _rank(self, path: Path, stem: str) -> tuple[int, bool]:
        places = (self.root, self.root / _CLIPS)
        place = places.index(path.parent) if path.parent in places else len(places)
        return place, unicodedata.normalize("NFC", path.stem) != stem

    @cached_property
    def _files(self) -> list[Path]:
        return [path for path in audio_files(self.root) if os.path.isfile(path)]

    @cached_property
    def _ends(self) -> dict[str, list[Path]]:
        ends: dict[str, list[Path]] = defaultdict(list)
        for path in self._files:
            parts = path.relative_to(self.root).parts
            for start in range(len(parts)):
                key = folded("/".join(parts[start:]))
                ends[key].append(path)
                ends[os.path.splitext(key)[0]].append(path)
        return ends

    @cached_property
    def _whole(self) -> dict[str, list[Path]]:
        whole: dict[str, list[Path]] = defaultdict(list)
        for path in self._files:
            key = folded(path.relative_to(self.root).as_posix()).removeprefix(f"{_CLIPS}/")
            for name in (key, f"{_CLIPS}/{key}"):
                whole[name].append(path)
                whole[os.path.splitext(name)[0]].append(path)
        return whole


def _parts(name: str) -> list[str]:
    """The parts of a path of any system, without drive and without steps upwards."""
    plain = re.sub(r"^[A-Za-z]:", "", name.strip()).replace("\\", "/")
    return [part for part in plain.split("/") if part not in ("", ".", "..")] or [""]


def folded(path: str) -> str:
    """Equal for the names of one file in every case and in both Unicode forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _without_ending(name: str) -> str:
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in AUDIO_SUFFIXES else name
