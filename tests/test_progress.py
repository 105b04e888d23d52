"""What a long command is doing is told in time, and to nobody who did not ask for it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch

from xttslab import progress
from xttslab.training.stage import EpochLines


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> progress._Work:
    made = progress._Work()
    made.started = made.told = 100.0
    monkeypatch.setattr(progress, "_work", made)
    return made


def test_a_line_is_due_every_nine_seconds(work: progress._Work) -> None:
    assert work.line(200, terminal=False) == "", "nothing is being done"
    loss = torch.tensor(2.5)
    progress.doing(lambda: f"step 3 of 9, loss {float(loss):.2f}", drawn=True)
    assert work.line(108.9, terminal=False) == ""
    assert work.line(200, terminal=True) == "", "a bar shows it"
    assert work.line(109, terminal=False) == "… step 3 of 9, loss 2.50 (9 s)"
    progress.doing("scoring")
    assert work.line(117, terminal=True) == ""
    assert work.line(118, terminal=True) == "… scoring (18 s)"
    progress.doing("")
    assert work.line(300, terminal=False) == ""


def test_a_command_tells_until_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    said = ""
    with progress.told():
        progress.doing("waiting")
        until = time.monotonic() + 30
        while not said and time.monotonic() < until:
            time.sleep(0.05)
            said = capsys.readouterr().err
    assert said.startswith("… waiting (")
    assert progress._work.what == ""


def test_every_epoch_is_a_line(work: progress._Work, capsys: pytest.CaptureFixture[str]) -> None:
    lines = EpochLines("eval/mel_ce")
    trainer = SimpleNamespace(
        is_global_zero=True, max_epochs=3, current_epoch=0, num_training_batches=9,
        progress_bar_callback=None, state=SimpleNamespace(fn="validate"),
    )  # fmt: skip
    for epoch, value in enumerate((2.8, 2.7, 2.75)):
        trainer.callback_metrics = {"eval/mel_ce": torch.tensor(value)}
        trainer.current_epoch = max(0, epoch - 1)
        lines.on_train_epoch_end(trainer, None) if epoch else lines.on_validation_end(trainer, None)
        trainer.state.fn = "fit"
    assert capsys.readouterr().err.splitlines() == [
        "before the first step: eval/mel_ce 2.8000",
        "epoch 1 of 3: eval/mel_ce 2.7000, the best so far",
        "epoch 2 of 3: eval/mel_ce 2.7500",
    ]
    work.told = 100.0
    lines.on_train_batch_end(trainer, SimpleNamespace(step_loss=torch.tensor(2.5)), None, None, 4)
    assert work.line(500, terminal=False) == "… epoch 2 of 3, step 5 of 9, loss 2.500 (400 s)"
    lines.on_validation_batch_end(trainer, None, None, None, 1)
    assert work.line(600, terminal=False).startswith("… epoch 2: evaluating, batch 2 (")
