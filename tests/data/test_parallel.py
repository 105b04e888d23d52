"""Work comes back in order, from this process or from others; a killed worker is explained."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from xttslab.data import parallel
from xttslab.data.parallel import progress, run_all, worker_count
from xttslab.errors import UserError


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    raise UserError(f"{number}: full; free some space")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_the_order_of_the_tasks(workers: int) -> None:
    assert list(run_all(square, range(20), workers, "x")) == [n * n for n in range(20)]
    assert list(run_all(square, [], workers, "x")) == []


def test_an_error_of_a_worker_arrives_whole() -> None:
    with pytest.raises(UserError, match="1: full; free some space"):
        list(run_all(refuse, [1, 2], 2, "x"))


@pytest.mark.parametrize(
    ("system", "wanted", "free_gb", "count"),
    [
        ("linux", 0, 100, 96),
        ("linux", 0, 8, 20),  # of 400 MB
        ("linux", 0, 0.1, 1),
        ("linux", 80, 8, 80),  # chosen by a person
        ("win32", 0, 100, 61),
        ("win32", 80, 100, 61),
        ("win32", 2, 100, 2),
    ],
)
def test_workers_fit_memory_and_system(
    monkeypatch: pytest.MonkeyPatch, system: str, wanted: int, free_gb: float, count: int
) -> None:
    memory = SimpleNamespace(available=int(free_gb * 1e9))
    monkeypatch.setattr(parallel.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 96)
    monkeypatch.setattr(parallel.sys, "platform", system)
    assert worker_count(wanted) == count


@pytest.mark.posix
def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(UserError, match=r"or set workers=1 where the command has it"):
        list(run_all(die, [1, 2], 2, "x"))


def test_progress_is_silent_without_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("label", 0) as advance:
        advance(0)
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.posix
def test_what_the_fork_server_imports_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It inherits the signals that are blocked when it is started."""
    from multiprocessing import forkserver, resource_tracker  # Windows has none

    blocked: list[tuple[str, set[int]]] = []

    def started(what: str) -> Callable[[], None]:
        return lambda: blocked.append((what, signal.pthread_sigmask(signal.SIG_BLOCK, [])))

    monkeypatch.setattr(resource_tracker, "ensure_running", started("tracker"))
    monkeypatch.setattr(forkserver, "ensure_running", started("server"))
    assert list(run_all(len, ["a", "bc"], 2, "work")) == [1, 2]
    (first, _), (second, mask) = blocked[:2]
    assert (first, second) == ("tracker", "server")  # the tracker unblocks signals as it starts
    assert signal.SIGINT in mask
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
