"""Independent pieces of work in, their results out in the same order, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from xttslab.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
# Never fork this process: it may have threads. The fork server has none, and what it imports
# (see `preload`) takes memory once for all workers.
_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_AHEAD = 4  # results a worker may be ahead of the reader: memory stays flat


def run_all(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, label: str
) -> Iterator[Result]:
    """Yield `function(task)` for every task, in order; `workers` 0 means one a core.

    Both must be picklable. Raises UserError if the system kills a worker.
    """
    with progress(label, len(tasks)) as advance:
        for result in _results(function, tasks, workers or os.cpu_count() or 1):
            advance(1)
            yield result


def preload(*modules: str) -> None:
    """Let all workers share these imports; call it before the first `run_all`."""
    multiprocessing.set_forkserver_preload(list(modules))


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; gives the function that moves it on. None is shown for 0 steps."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn())
    screen = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=screen, disable=not total) as bar:
        shown = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(shown, steps)


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited: each worker keeps to one core
    context = multiprocessing.get_context(_START)
    waiting: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(workers, context, initializer=ignore_interrupts) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(function, task))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as fault:
            raise UserError(
                "the system ended a worker process (out of memory?); free some memory, or set "
                "workers=1 where the command has it, and run it again: it goes on where it stopped"
            ) from fault
        finally:
            for future in waiting:
                future.cancel()


def ignore_interrupts(worker: int = 0) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that hands out work: for
    workers to begin with, a DataLoader's too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
