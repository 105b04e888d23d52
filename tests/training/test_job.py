"""Precision fits the device, the optimiser the precision; callbacks are those configured."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from xttslab.errors import UserError
from xttslab.model import voice as placing
from xttslab.training import job
from xttslab.training.job import Job, precision, require_trainable


@pytest.mark.parametrize(("precision", "fused"), [("16-mixed", None), ("bf16-mixed", True)])
def test_no_fused_optimiser_clips_scaled_gradients(
    tiny, precision: str, fused: bool | None
) -> None:
    config = tiny(f"trainer.precision={precision}")
    job = Job(config, None, None, None, None, Path(), None)
    made = job.optimizer()([torch.nn.Parameter(torch.zeros(1))])
    assert made.defaults["fused"] is fused
    assert made.defaults["lr"] == 1e-3


@pytest.mark.parametrize(
    ("accelerator", "card", "bfloat16", "expected"),
    [
        ("auto", True, True, "bf16-mixed"),
        ("gpu", True, False, "16-mixed"),
        ("auto", False, False, "32-true"),
        ("cpu", True, True, "32-true"),  # a card that is not used decides nothing
    ],
)
def test_auto_precision_is_of_the_device_that_trains(
    tiny, monkeypatch, accelerator: str, card: bool, bfloat16: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bfloat16)
    config = tiny(f"trainer.accelerator={accelerator}", "trainer.precision=auto")
    assert precision(config.trainer) == expected
    assert precision(tiny("trainer.precision=bf16-mixed").trainer) == "bf16-mixed"


def trainer(**chosen: object) -> DictConfig:
    return OmegaConf.create({"accelerator": "auto", "devices": 1, "precision": "auto", **chosen})


def test_several_cards_are_refused_on_windows(monkeypatch) -> None:
    several = [{"strategy": "ddp", "devices": -1}, {"devices": 2}, {"devices": [0, 1]}]
    for chosen in several:
        require_trainable(trainer(**chosen))
    monkeypatch.setattr(job.sys, "platform", "win32")
    for chosen in several:
        with pytest.raises(UserError, match="by NCCL, which Windows lacks; train in WSL2"):
            require_trainable(trainer(**chosen))
    for chosen in ({}, {"devices": [1]}, {"devices": "auto"}, {"strategy": "auto"}):
        require_trainable(trainer(**chosen))


def test_a_processor_that_is_slow_in_bfloat16_is_not_trained_on(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    mixed = [trainer(precision="bf16-mixed"), trainer(precision="bf16-true", accelerator="cpu")]
    for chosen in mixed:
        require_trainable(chosen)
    monkeypatch.setattr(placing, "bfloat16_slowdown", lambda: 140.4)
    slow = "precision=bf16-.* 140 times more slowly .*; use trainer.precision=32-true"
    for chosen in mixed:
        with pytest.raises(UserError, match=slow):
            require_trainable(chosen)
    for other in ("auto", "32-true", "16-mixed"):
        require_trainable(trainer(precision=other))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    require_trainable(trainer(precision="bf16-mixed"))


def callbacks(config: DictConfig) -> dict[str, object]:
    job = Job(config, None, None, None, None, Path(), None)
    return {type(callback).__name__: callback for callback in job._configured_callbacks()}


def test_callbacks_are_those_that_the_configuration_names(tiny) -> None:
    timer = "+callbacks.timer._target_=pytorch_lightning.callbacks.Timer"
    bar = "trainer.enable_progress_bar=true"
    options = ("+callbacks.timer.duration={minutes: 1}", bar)
    found = callbacks(tiny(timer, *options, "checkpoint.patience=3", "checkpoint.min_delta=0.1"))
    assert list(found) == ["EarlyStopping", "RichProgressBar", "Timer"]
    stopping = found["EarlyStopping"]
    assert (stopping.monitor, stopping.patience, stopping.min_delta) == ("eval/mel_ce", 3, -0.1)
    assert found["Timer"].time_remaining() == 60
    assert list(callbacks(tiny("checkpoint.patience=0"))) == []
    assert list(callbacks(tiny(bar, "callbacks.early_stopping=null"))) == ["RichProgressBar"]


def test_early_stopping_goes_by_the_loss_in_what_is_known_at_some_epochs_only(tiny) -> None:
    chosen = "checkpoint.monitor=selection/loss_and_voice"
    assert callbacks(tiny(chosen))["EarlyStopping"].monitor == "eval/mel_ce"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{_target_: no.such.Class}", "callbacks.mine: .*no.such.Class"),
        ("{_target_: builtins.dict}", "callbacks.mine: is no Callback of Lightning's"),
        ("{level: 3}", "callbacks.mine: is no Callback of Lightning's; give the _target_"),
    ],
)
def test_what_is_no_callback_is_named(tiny, entry: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        callbacks(tiny(f"+callbacks.mine={entry}"))
