"""The optimiser fits the precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xttslab.training.job import Job


@pytest.mark.parametrize(("precision", "fused"), [("16-mixed", None), ("bf16-mixed", True)])
def test_no_fused_optimiser_clips_scaled_gradients(
    tiny, precision: str, fused: bool | None
) -> None:
    config = tiny(f"trainer.precision={precision}")
    job = Job(config, None, None, None, None, Path(), None)
    made = job.optimizer()([torch.nn.Parameter(torch.zeros(1))])
    assert made.defaults["fused"] is fused
    assert made.defaults["lr"] == 1e-3
