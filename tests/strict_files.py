"""Windows' rules for files, kept on Linux: what the package does to a file that this process has
open or mapped fails as it would there, and so does flushing a handle that was opened for reading.

A refusal that is made good by a later attempt (see xttslab.files) is none; every other one fails
the test in which it came, even if the code got over it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xttslab

PACKAGE = str(Path(xttslab.__file__).parent)
_refused: dict[tuple[str, str], str] = {}


def install() -> None:
    """Wrap the system's calls for the rest of this process; does nothing without /proc."""
    if not Path("/proc/self/maps").exists():
        return
    os.fsync = _fsync(os.fsync)
    for name in ("replace", "rename"):
        setattr(os, name, _moving(name, getattr(os, name)))
    for name in ("unlink", "remove"):
        setattr(os, name, _removing(name, getattr(os, name)))
    shutil.rmtree = _removing("rmtree", shutil.rmtree)


def taken() -> list[str]:
    """What was refused since the last call, and was not made good since."""
    lines = list(_refused.values())
    _refused.clear()
    return lines


def _fsync(real: Callable[..., None]) -> Callable[..., None]:
    import fcntl

    def fsync(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            path = os.readlink(f"/proc/self/fd/{number}")
            _refused["fsync", path] = f"fsync of {path}, which was opened for reading"
            raise OSError(errno.EBADF, "Bad file descriptor", path)
        real(number)

    return fsync


def _moving(name: str, real: Callable[..., None]) -> Callable[..., None]:
    def move(source: Any, target: Any, **options: Any) -> None:
        if options or not _by_package():
            return real(source, target, **options)
        for path in (source, target):
            _require_free(name, path)
        if os.path.isdir(target) or (name == "rename" and os.path.lexists(target)):
            _refuse(name, os.path.abspath(target), "is there already", FileExistsError)
        real(source, target)
        for path in (source, target):
            _refused.pop((name, os.path.abspath(path)), None)

    return move


def _removing(name: str, real: Callable[..., None]) -> Callable[..., None]:
    def remove(path: Any, *settings: Any, **options: Any) -> None:
        if isinstance(path, (str, os.PathLike)) and not options.get("dir_fd") and _by_package():
            _require_free(name, path)
            _refused.pop((name, os.path.abspath(path)), None)
        real(path, *settings, **options)

    return remove


def _require_free(name: str, path: Any) -> None:
    full = os.path.abspath(path)
    if not os.path.lexists(full) or os.path.islink(full) or _is_closed(full):
        return
    if any(held == full or held.startswith(f"{full}/") for held in _held()):
        _refuse(name, full, "is open or mapped in this process", PermissionError)


def _refuse(name: str, path: str, why: str, kind: type[OSError]) -> None:
    _refused[name, path] = f"{name} of {path}, which {why}"
    raise kind(errno.EACCES, "The process cannot access the file", path)


def _by_package() -> bool:
    """Whether the package asks, itself or by a library."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


def _is_closed(path: str) -> bool:
    """Whether nobody at all has the file open; a quick look that may say no of a closed one.

    The kernel gives a write lease on such files alone (fcntl(2)). Whoever opens the file meanwhile
    waits, and the holder gets a signal: SIGURG, which does nothing, as SIGIO would end the process.
    """
    import fcntl
    import signal

    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return True
    except OSError:
        return False
    finally:
        os.close(number)


def _held() -> set[str]:
    """The files that this process has open or mapped."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the one that listed them, or closed meanwhile
            continue
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            path = line.rstrip("\n").split(None, 5)[5:]
            found.update(path)
    return found
