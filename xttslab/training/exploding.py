"""The losses of a training in, its end out as soon as one is no number or beyond all measure."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from xttslab.errors import UserError


class LossGuard(pl.Callback):
    """Stops a run before it keeps anything of an epoch that went wrong: `last` and the best stay
    those of the good epochs.

    A step's loss and gradient are looked at when the next step is done, so that a GPU never waits
    for it, and those of an epoch's last step before the epoch is logged or saved.

    Args:
        limit: the largest loss that a working run can have, in the loss's unit.
        best: the checkpoint that the advice names.
    """

    def __init__(self, limit: float, best: str) -> None:
        self.limit, self.best = limit, best
        self._step: tuple[Tensor, Tensor | None, Any] | None = None  # loss, gradient norm, batch

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._step = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._look(trainer, pl_module)
        # a scaler (16-mixed) meets overflowing gradients by leaving the update out: they are usual
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        norms = [] if scaled else getattr(getattr(pl_module, "gradients", None), "norms", [])
        self._step = (outputs["loss"], norms[-1] if norms else None, batch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._look(trainer, pl_module)

    def _look(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self._step is None:
            return
        loss, norm, batch = self._step
        value, gradient = float(loss), 0.0 if norm is None else float(norm)
        if value <= self.limit and math.isfinite(gradient):
            return
        what = f"gradient is {gradient}" if value <= self.limit else f"loss is {value:.4g}"
        raise UserError(
            f"epoch {trainer.current_epoch + 1}: the {what}{_names(module, batch)}; nothing of "
            "this epoch was kept: go on from the last good one with resume=true and a lower "
            f"optim.lr or trainer.gradient_clip_val, or begin anew with init_from={self.best}"
        )


def _names(module: pl.LightningModule, batch: Any) -> str:
    """The clips of a batch, where the stage knows them."""
    rows = getattr(batch, "rows", None)
    if not isinstance(rows, torch.Tensor):
        return ""
    return " on " + ", ".join(module.clips[row].id for row in rows.tolist())
