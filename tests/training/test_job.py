"""Precision fits the device, the optimiser the precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xttslab.training.job import Job, precision


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
