"""Writes, replaces and removes files atomically, also while other programs have them open.

On Windows a file that another program has open (an upload, a virus scanner, a browser) can be
neither replaced nor removed. Such programs let go within moments, so both are tried again.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath

from xttslab.errors import UserError

PATIENCE_S = 5.0
_LONGEST = 120  # bytes: files in a folder of that name have long names too
_PAUSE_S = 0.05
_ILLEGAL = re.compile(r'[=/\\:?*"<>|\x00-\x1f\x7f]')
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10)}


def write_atomically(path: Path, content: bytes | str, durable: bool = False) -> None:
    """Write a file (text as UTF-8) that is never seen half-written, even if the process is killed.

    Raises UserError when the disk is full or the folder cannot be written. See `replacing`.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with replacing(path, durable) as partial:
            partial.write_bytes(data)
    except OSError as fault:
        remedy = "free some space or choose another folder"
        raise UserError(f"{path}: cannot be written ({fault.strerror}); {remedy}") from fault


@contextmanager
def replacing(path: Path, durable: bool = False, shared: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write a file or a folder to, which then takes its place.

    After an exception `path` is as it was, and what was written is removed.

    Args:
        durable: the file is on the disk, not in a cache, before it takes its place.
        shared: several processes may write `path` at the same time; the last one wins.

    Raises OSError when the folder cannot be made or `path` cannot be replaced.
    """
    ending = f".{os.getpid()}.partial" if shared else ".partial"
    partial = path.with_name(f".{path.name}{ending}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _discard(partial)  # of a process that was killed
    try:
        yield partial
        if durable:
            _flush(partial)
        if partial.is_dir() and path.is_dir():
            shutil.rmtree(path)
        replace(partial, path)
    finally:
        _discard(partial)


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file and to the disk; one that a killed process left unfinished stays a
    line of its own, so that it spoils no other.

    Raises UserError when the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        remedy = "free some space or choose another folder"
        raise UserError(f"{path}: cannot be written ({fault.strerror}); {remedy}") from fault


def require_folder(path: Path, option: str) -> None:
    """Raise UserError unless `path`, the value of `option`, is a folder."""
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "no such folder"
        raise UserError(f"{path}: {what}; correct {option}=")


def require_new(path: Path, option: str) -> None:
    """Raise UserError if there is a file or folder where `option` wants one made."""
    if path.exists():
        raise UserError(f"{path}: exists already; name another one with {option}=, or remove it")


def require_writable(path: Path) -> None:
    """Raise UserError if no file can be made at `path`, before the work that ends in it."""
    parents = path.absolute().parents
    parent = next((folder for folder in parents if folder.exists()), parents[-1])  # D: may be gone
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{path}: cannot be written, for {parent} is no folder that you may write")


def require_legal_name(name: str, option: str, otherwise: str) -> None:
    """Raise UserError, which proposes another value of `option`, for a name that no file or folder
    can have on every system; `otherwise` is proposed where nothing of it is left."""
    plain = _ILLEGAL.sub("_", name).strip(" .") or otherwise
    if plain.partition(".")[0].upper() in _DEVICES:
        plain = f"{otherwise}_{plain}"
    if len(plain.encode()) > _LONGEST:
        plain = plain.encode()[:_LONGEST].decode(errors="ignore")
    if plain != name:
        raise UserError(
            f"{option}={name!r} cannot be the name of a file or folder on every system (none of "
            f'= / \\ : ? * " < > |, no space or full stop at an end, no device of Windows, at most '
            f"{_LONGEST} bytes); try {option}={plain}"
        )


def replace(source: Path, target: Path) -> None:
    """Rename `source` to `target`, whose file, if any, is gone; tried for `PATIENCE_S` seconds.

    Raises PermissionError when a program keeps one of them open for longer.
    """
    _patiently(lambda: os.replace(source, target))


def remove(path: Path) -> None:
    """Delete a file that may not be there; tried for `PATIENCE_S` seconds, as `replace` is."""
    _patiently(lambda: path.unlink(missing_ok=True))


def duplicate(path: Path, name: Path) -> None:
    """Let a file be there under another name too, copied only where the disk has no hard links."""
    remove(name)
    try:
        os.link(path, name)
    except OSError:
        with replacing(name) as partial:
            shutil.copyfile(path, partial)


def _patiently(step: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return step()
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)


def _discard(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        remove(partial)


def _flush(path: Path) -> None:
    with path.open("r+b") as file:  # Windows flushes no file that was opened for reading
        os.fsync(file.fileno())


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
