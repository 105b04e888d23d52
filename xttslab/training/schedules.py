"""An optimiser and the number of steps in, a learning-rate schedule out."""

from __future__ import annotations

import math

import pytorch_lightning as pl
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def constant(optimizer: Optimizer, total_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """The configured rate, after a linear warm-up."""
    return LambdaLR(optimizer, lambda step: _warmup(step, warmup_steps))


def cosine(
    optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, floor: float = 0.1
) -> LambdaLR:
    """Linear warm-up, then half a cosine from the configured rate down to `floor` times it
    (Loshchilov and Hutter, SGDR, arXiv 1608.03983, without restarts)."""
    falling = max(1, total_steps - warmup_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return _warmup(step, warmup_steps)
        done = min(1.0, (step - warmup_steps) / falling)
        return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)


def _warmup(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / steps) if steps else 1.0


class ConfiguredRate(pl.Callback):
    """Lets `resume=true optim.lr=…` have its effect: a checkpoint brings its own rate along."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for entry in trainer.lr_scheduler_configs:
            scheduler, optimizer = entry.scheduler, entry.scheduler.optimizer
            wanted = optimizer.defaults["lr"]
            for number, group in enumerate(optimizer.param_groups):
                restored = scheduler.base_lrs[number]
                if restored and restored != wanted:
                    group["lr"] *= wanted / restored
                    group["initial_lr"] = scheduler.base_lrs[number] = wanted
