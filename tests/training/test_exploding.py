"""Losses that are no number or beyond all measure: the run stops, says where, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.training.module import GptStage
from xttslab.training.run import train

OPTIONS = (
    "run_name=bad",
    "trainer.max_epochs=4",
    "checkpoint.every_minutes=0",
    "batch.clips=2",
    "scheduler=constant",
)


def go_wrong(monkeypatch: pytest.MonkeyPatch, factor: float, first: bool) -> list[str]:
    """Multiply the loss of epoch 3's first or last step; returns the clips of that step, later."""
    step, named = GptStage.training_step, []

    def faulty(self: GptStage, batch, batch_idx):
        loss = step(self, batch, batch_idx)
        last = self.trainer.num_training_batches - 1
        if self.current_epoch == 2 and batch_idx == (0 if first else last):
            named.extend(self.clips[row].id for row in batch.rows.tolist())
            return loss * factor
        return loss

    monkeypatch.setattr(GptStage, "training_step", faulty)
    return named


@pytest.mark.parametrize(
    ("factor", "first", "what"),
    [
        (float("nan"), False, "loss is nan"),
        (50.0, True, r"loss is \d+"),
    ],
)
def test_the_run_stops_names_the_clips_and_keeps_the_last_good(
    workplace, tiny, monkeypatch, factor: float, first: bool, what: str
) -> None:
    with monkeypatch.context() as patch:
        clips = go_wrong(patch, factor, first)
        with pytest.raises(UserError, match=rf"epoch 3: the {what}") as raised:
            train(tiny(*OPTIONS))
    assert len(clips) == 2
    assert ", ".join(clips) in str(raised.value)
    assert "init_from=outputs/bad/checkpoints/best.safetensors" in str(raised.value)
    assert sorted(losses("bad")) == [0, 1, 2]
    weights = torch.load("outputs/bad/checkpoints/last.ckpt", weights_only=True)
    assert weights["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in weights["state_dict"].values())
    train(tiny(*OPTIONS, "resume=true", "optim.lr=1e-4"))
    rates = [row.get("lr") for _, row in sorted(losses("bad").items())]
    assert rates[1:] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])  # the lower rate took effect


def test_a_gradient_that_is_no_number_is_seen_before_it_is_kept(workplace, tiny, monkeypatch):
    norm = torch.nn.utils.clip_grad_norm_
    calls = []

    def broken(parameters, limit):
        calls.append(limit)
        found = norm(parameters, limit)
        return found * float("nan") if len(calls) == 3 else found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(UserError, match=r"epoch 1: the gradient is nan on .*\d"):
        train(tiny(*OPTIONS))
    assert not Path("outputs/bad/checkpoints").exists()
