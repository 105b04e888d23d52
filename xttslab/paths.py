"""Paths as a project stores them, and found again where the project was renamed, copied or moved.

A stored path has forward slashes, so that a folder serves Windows and WSL2 alike, and is relative
where it stays inside the project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath


def stored_path(path: Path, base: Path, project: Path) -> str:
    """`path` as it is written into a file of the folder `base`: relative to `base` if both lie in
    the folder `project`, else absolute."""
    path, base, project = (place.absolute() for place in (path, base, project))
    if path.is_relative_to(project) and base.is_relative_to(project):
        return Path(os.path.relpath(path, base)).as_posix()
    return path.as_posix()


def found_path(
    stored: str, base: Path, accepts: Callable[[Path], bool] = Path.exists
) -> Path | None:
    """What `stored` names for the folder `base`: it itself, else the same end of it in the nearest
    folder above `base`, as where a whole project was moved; None where nothing is accepted.

    `/old/project/data/a.wav` is found as `data/a.wav` of the new project.
    """
    return next((place for place in _places(stored, base) if accepts(place)), None)


def is_absolute(stored: str) -> bool:
    """Whether a stored path is absolute, on this system or on another."""
    return PurePosixPath(stored).is_absolute() or PureWindowsPath(stored).is_absolute()


def moved_places(stored: str, base: Path) -> Iterator[Path]:
    """Where an absolute path may be today: its ends in `base` and in every folder above, the
    nearest folder first, and of its ends the longest first."""
    parts = PureWindowsPath(stored).parts[1:]  # reads both kinds of slashes
    for folder in (base, *base.parents):
        for first in range(len(parts)):
            yield folder.joinpath(*parts[first:])


def _places(stored: str, base: Path) -> Iterator[Path]:
    base = base.absolute()
    if not is_absolute(stored):
        relative = Path(*PureWindowsPath(stored).parts)
        yield Path(os.path.normpath(base / relative))
        yield relative  # to the current folder, as stored before
        return
    yield Path(stored)
    yield from moved_places(stored, base)
