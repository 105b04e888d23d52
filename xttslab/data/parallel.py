"""Runs independent tasks in worker processes, in order, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import psutil

from xttslab.errors import UserError
from xttslab.progress import doing

Task = TypeVar("Task")
Result = TypeVar("Result")
# Never fork this process: it may have threads. The fork server has none, and what it imports
# (see `preload`) takes memory once for all workers.
_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_WORKER_BYTES = 400_000_000  # of a worker that shares no imports, with what it works on
_WINDOWS_LIMIT = 61  # processes of a ProcessPoolExecutor
_AHEAD = 4  # results a worker may be ahead of the reader: memory stays flat


def run_all(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int, label: str
) -> Iterator[Result]:
    """Yield `function(task)` for every task, in order; for `workers` see `worker_count`.

    Both must be picklable. Raises UserError if the system kills a worker.
    """
    with progress(label, len(tasks)) as advance:
        for result in _results(function, tasks, worker_count(workers)):
            advance(1)
            yield result


def worker_count(wanted: int) -> int:
    """`wanted` processes; 0 means one a core, as far as free memory goes. Windows waits for 61 at
    most."""
    limit = _WINDOWS_LIMIT if sys.platform == "win32" else sys.maxsize
    room = max(1, psutil.virtual_memory().available // _WORKER_BYTES)
    return min(wanted or min(os.cpu_count() or 1, room), limit)


def preload(*modules: str) -> None:
    """Let all workers share these imports; call it before the first `run_all`. Windows cannot."""
    if _START == "forkserver":
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
        task = bar.tasks[shown]
        doing(lambda: f"{label}: {task.completed:.0f} of {total}", drawn=True)
        yield lambda steps: bar.advance(shown, steps)
    doing("")


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited: each worker keeps to one core
    if _START == "forkserver":
        _begin_server()
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


def _begin_server() -> None:
    """Start the fork server deaf to Ctrl-C, which it would answer with a traceback as long as it
    imports; a Ctrl-C meanwhile reaches this process a moment later."""
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # which would unblock the signal again as it starts
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def ignore_interrupts(worker: int = 0) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that hands out work: for
    workers to begin with, a DataLoader's too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
