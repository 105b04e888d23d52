"""Losses that are no number or beyond all measure: the run stops, says where, and loses nothing."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import pytorch_lightning as pl
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.exploding import LossGuard
from xttslab.training.metrics import GradientLog
from xttslab.training.module import GptStage
from xttslab.training.run import train


class Clips(NamedTuple):
    rows: torch.Tensor


OPTIONS = (
    "run_name=bad",
    "trainer.max_epochs=4",
    "checkpoint.every_minutes=0",
    "batch.clips=2",
    "scheduler=constant",
)


def go_wrong(monkeypatch: pytest.MonkeyPatch, factor: float, first: bool) -> list[str]:
    """Multiply the loss of epoch 3's first or last step; returns the clips of that step, later."""
    start, share, named = GptStage.on_train_batch_start, GptStage.group_share, []

    def at_fault(stage: GptStage, batch_idx: int) -> bool:
        last = stage.trainer.num_training_batches - 1
        return stage.current_epoch == 2 and batch_idx == (0 if first else last)

    def noting(self: GptStage, batch, batch_idx):
        start(self, batch, batch_idx)
        if at_fault(self, batch_idx):
            named.extend(self.clips[row].id for row in batch.rows.tolist())

    def faulty(self: GptStage, loss, batch_idx):
        return share(self, loss * (factor if at_fault(self, batch_idx) else 1), batch_idx)

    monkeypatch.setattr(GptStage, "on_train_batch_start", noting)
    monkeypatch.setattr(GptStage, "group_share", faulty)
    return named


@pytest.mark.parametrize(
    ("factor", "first", "accumulated", "what"),
    [
        (float("nan"), False, 1, "loss is nan"),
        (50.0, True, 1, r"loss is 1\d\d\."),  # of about 3 nats
        (12.0, False, 4, r"loss is [34]\d\."),  # Lightning calls it a quarter of that
    ],
)
def test_the_run_stops_names_the_clips_and_keeps_the_last_good(
    workplace, tiny, monkeypatch, factor: float, first: bool, accumulated: int, what: str
) -> None:
    options = (*OPTIONS, f"trainer.accumulate_grad_batches={accumulated}")
    with monkeypatch.context() as patch:
        clips = go_wrong(patch, factor, first)
        with pytest.raises(UserError, match=rf"epoch 3: the {what}") as raised:
            train(tiny(*options))
    assert len(clips) == 2
    assert ", ".join(clips) in str(raised.value)
    assert "init_from=outputs/bad/checkpoints/best.safetensors" in str(raised.value)
    assert sorted(losses("bad")) == [0, 1, 2]
    weights = torch.load("outputs/bad/checkpoints/last.ckpt", weights_only=True)
    assert weights["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in weights["state_dict"].values())
    train(tiny(*options, "resume=true", "optim.lr=1e-4"))
    rates = [row.get("lr") for _, row in sorted(losses("bad").items())]
    assert rates[1:] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])  # the lower rate took effect


def test_a_gradient_that_is_no_number_is_seen_before_it_is_kept(workplace, tiny, monkeypatch):
    norm = torch.nn.utils.clip_grad_norm_
    calls = []  # of four updates an epoch, the third is broken

    def broken(parameters, limit):
        calls.append(limit)
        found = norm(parameters, limit)
        return found * float("nan") if len(calls) == 3 else found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(UserError, match=r"epoch 1: the gradient is nan on .*\d"):
        train(tiny(*OPTIONS))
    assert not Path("outputs/bad/checkpoints").exists()


def test_a_gradient_names_the_clips_of_all_steps_that_it_is_of() -> None:
    guard = LossGuard(20.0, "best.safetensors")
    stage = DecoderStage.__new__(DecoderStage)
    pl.LightningModule.__init__(stage)
    stage.gradients, stage.clips = GradientLog(), [SimpleNamespace(id=f"s/{n}") for n in range(4)]
    trainer = SimpleNamespace(precision_plugin=None, current_epoch=0, world_size=1)
    guard.on_train_epoch_start(trainer, stage)
    for step, norm in enumerate([None, 1.0, None, math.inf]):  # two steps an update
        stage.step_loss = torch.tensor(3.0)
        if norm is not None:
            stage.gradients.add({"": torch.tensor(norm)}, 1.0)
        guard.on_train_batch_end(trainer, stage, None, Clips(torch.tensor([step])), step)
    with pytest.raises(UserError, match=r"epoch 1: the gradient is inf on s/2, s/3; nothing"):
        guard.on_train_epoch_end(trainer, stage)
