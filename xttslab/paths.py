"""Paths as a project stores them, and found again where the project was renamed, copied or moved.

A stored path has forward slashes, so that a folder serves Windows and WSL2 alike, and is relative
where it stays inside the project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath


def stored_path(path: Path, base: Path, project: Path) -> str:
    """`path` as it is written into a file of the folder `base`: relative to `base` if both lie in
    the folder `project`, else absolute."""
    path, base, project = (place.absolute() for place in (path, base, project))
    if path.is_relative_to(project) and base.is_relative_to(project):
        return Path(os.path.relpath(path, base)).as_posix()
    return path.as_posix()


def found_path(stored: str, base: Path, accepts: Callable[[Path], bool]) -> Path | None:
    """The place that `stored`, of a file in the folder `base`, names and `accepts` agrees to; where
    there is none, the same end of it in the nearest folder above `base`, as where a whole project
    was moved: `/old/project/data/quiz/a.wav` is `data/quiz/a.wav` of the new one."""
    places: Iterator[Path]
    if is_absolute(stored):
        places = chain([Path(stored)], moved_places(stored, base, least=2))
    else:
        relative = Path(*PureWindowsPath(stored).parts)
        folders = (base.absolute(), *base.absolute().parents, Path())
        places = (Path(os.path.normpath(folder / relative)) for folder in folders)
    return next((place for place in places if accepts(place)), None)


def is_absolute(stored: str) -> bool:
    """Whether a stored path is absolute, on this system or on another."""
    return PurePosixPath(stored).is_absolute() or PureWindowsPath(stored).is_absolute()


def moved_places(stored: str, base: Path, least: int) -> Iterator[Path]:
    """Where an absolute path may be today: its ends of `least` or more parts in `base` and every
    folder above, the nearest folder first and the longest end first."""
    parts = PureWindowsPath(stored).parts[1:]  # reads both kinds of slashes
    for folder in (base.absolute(), *base.absolute().parents):
        for first in range(len(parts) - least + 1):
            yield folder.joinpath(*parts[first:])
