"""A person presses Ctrl-C in a real run: once, twice, and before there is anything to finish."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests.training.test_run import losses
from xttslab.training.module import GptStage
from xttslab.training.run import train

pytestmark = pytest.mark.posix  # Windows ends a process by os.kill, whatever the signal

OPTIONS = ("trainer.max_epochs=4", "batch.clips=2")


def press_ctrl_c(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """In the second epoch's second step; a terminal sends it to every process of the command."""
    step = GptStage.training_step

    def pressing(self: GptStage, batch, batch_idx):
        if self.current_epoch == 1 and batch_idx == 1:
            reached = [worker.pid for worker in multiprocessing.active_children()]
            for process in [*reached, *[os.getpid()] * times]:
                os.kill(process, signal.SIGINT)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GptStage, "training_step", pressing)


@pytest.mark.parametrize("workers", [0, 1])
def test_once_finishes_the_epoch_and_saves_it(
    workplace, tiny, monkeypatch, capsys, workers: int
) -> None:
    former = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 1)
        with pytest.raises(SystemExit) as stopped:
            train(tiny("run_name=cut", f"batch.workers={workers}", *OPTIONS))
    assert stopped.value.code == 130
    assert signal.getsignal(signal.SIGINT) is former
    said = capsys.readouterr().err
    assert "this epoch is finished and saved" in said
    assert "go on with resume=true run_name=cut" in said
    assert sorted(losses("cut")) == [0, 1, 2]
    train(tiny("run_name=cut", "resume=true", *OPTIONS))
    assert sorted(losses("cut")) == [0, 1, 2, 3, 4]


def test_twice_stops_at_once(workplace, tiny, monkeypatch, capsys) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 2)
        with pytest.raises(SystemExit) as stopped:
            train(tiny("run_name=cut", *OPTIONS))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning leaves it ignored
    assert stopped.value.code == 130
    assert sorted(losses("cut")) == [0, 1]
    assert "go on with resume=true run_name=cut" in capsys.readouterr().err


def test_in_the_last_epoch_the_run_just_ends(workplace, tiny, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 1)
        assert train(tiny("run_name=short", "trainer.max_epochs=2", "batch.clips=2")) > 0
    assert Path("outputs/short/finished").is_file()
