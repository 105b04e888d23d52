"""The losses of a training in, its end out as soon as one is no number or beyond all measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from xttslab.errors import UserError
from xttslab.training.stage import Stage


class LossGuard(pl.Callback):
    """Stops a run before it keeps anything of an epoch that went wrong: `last` and the best stay
    those of the good epochs.

    A step's loss, and at an update the gradient of the steps that it accumulates, are looked at
    when the next step is done, so that a GPU never waits for them, and those of an epoch's last
    step before the epoch is logged or saved. There all processes of a run decide alike.

    Args:
        limit: the largest loss of a step that a working run can have, in the loss's unit.
        best: the checkpoint that the advice names.
    """

    def __init__(self, limit: float, best: str) -> None:
        self.limit, self.best = limit, best
        self._updates = 0  # of this epoch
        self._group: list[Tensor] = []  # the clips of each step since the last update
        self._step: tuple[Tensor, Tensor | None, list[Tensor]] | None = None  # loss, norm, clips

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._step, self._updates = None, 0
        self._group.clear()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, Stage)
        if fault := self._fault(trainer, pl_module):
            raise UserError(fault)
        self._group.append(getattr(batch, "rows", torch.empty(0)))  # not every stage knows them
        norm, clips = None, self._group[-1:]
        if pl_module.gradients.updates > self._updates:
            self._updates, clips = pl_module.gradients.updates, self._group
            # a scaler (16-mixed) meets overflowing gradients by leaving the update out: usual there
            scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
            norm = None if scaled else pl_module.gradients.last
            self._group = []
        self._step = (pl_module.step_loss, norm, clips)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        faults = [self._fault(trainer, pl_module)]
        if trainer.world_size > 1:
            shares: list[Any] = [None] * trainer.world_size
            torch.distributed.all_gather_object(shares, faults[0])
            faults = shares
        if fault := next(filter(None, faults), None):
            raise UserError(fault)

    def _fault(self, trainer: pl.Trainer, module: pl.LightningModule) -> str | None:
        """What is wrong with the step before, and what to do; None where nothing is."""
        if self._step is None:
            return None
        loss, norm, clips = self._step
        value, gradient = float(loss), 0.0 if norm is None else float(norm)
        if value <= self.limit and math.isfinite(gradient):
            return None
        if value <= self.limit:
            what = f"gradient is {gradient}{_names(module, clips)}"
        else:
            what = f"loss is {value:.4g}{_names(module, clips[-1:])}"
        return (
            f"epoch {trainer.current_epoch + 1}: the {what}; nothing of this epoch was kept: go on "
            "from the last good one with resume=true and a lower optim.lr or "
            f"trainer.gradient_clip_val, or begin anew with init_from={self.best}"
        )


def _names(module: pl.LightningModule, clips: Sequence[Tensor]) -> str:
    """The clips of some steps."""
    names = [module.clips[row].id for rows in clips for row in rows.tolist()]
    return f" on {', '.join(names)}" if names else ""
