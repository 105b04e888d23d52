"""Work comes back in order, from this process or from others; a killed worker is explained."""

from __future__ import annotations

import os
import signal

import pytest

from xttslab.data.parallel import progress, run_all
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


def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(UserError, match=r"or set workers=1 where the command has it"):
        list(run_all(die, [1, 2], 2, "x"))


def test_progress_is_silent_without_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("label", 0) as advance:
        advance(0)
    assert capsys.readouterr().err.strip() == ""
