"""Says every few seconds what a long command is doing, in a log as on a terminal.

What works calls `doing`; a command prints it while `told` is entered, and nothing where Python code
calls the package. Bars show more, and only a terminal can draw them: there, what a bar shows is
left to it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 9.0  # between two lines
What = str | Callable[[], str]


class _Work:
    """What is being done, since when, and when a line last said so."""

    def __init__(self) -> None:
        self.what: What = ""
        self.drawn = False
        self.started = self.told = time.monotonic()

    def line(self, now: float, terminal: bool) -> str:
        """What to print now; "" for nothing."""
        if not self.what or now - self.told < SECONDS or (self.drawn and terminal):
            return ""
        self.told = now
        what = self.what if isinstance(self.what, str) else self.what()
        return f"… {what} ({now - self.started:.0f} s)"


_work = _Work()


def doing(what: What, drawn: bool = False) -> None:
    """Note what is being done from now on, "" for nothing; a function is asked when a line is due.

    `drawn`: a bar shows it where there is a terminal.
    """
    _work.what, _work.drawn = what, drawn


def say(line: str) -> None:
    """Print a line of progress at once."""
    _work.told = time.monotonic()
    print(line, file=sys.stderr, flush=True)


@contextmanager
def told() -> Iterator[None]:
    """Print what is being done, at least every 10 s, until the end."""
    ended = threading.Event()
    doing("")
    _work.started = _work.told = time.monotonic()
    thread = threading.Thread(target=_tell, args=(ended,), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        doing("")


def _tell(ended: threading.Event) -> None:
    while not ended.wait(0.5):
        if line := _work.line(time.monotonic(), sys.stderr.isatty()):
            print(line, file=sys.stderr, flush=True)
