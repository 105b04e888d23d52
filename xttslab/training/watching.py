"""A training in progress in, one row of metrics per epoch out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from xttslab.training.memory import peak_memory_gb


class MetricLog(Protocol):
    """What is needed of a tracker."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None: ...


class EpochLog(Checkpoint):
    """Logs every epoch's metrics with step = epoch; row 0 comes before any update.

    A `Checkpoint`, since Lightning calls those after the module has published its metrics.
    """

    def __init__(self, tracker: MetricLog, audio_seconds: float, clips: int) -> None:
        self.tracker, self.audio_seconds, self.clips = tracker, audio_seconds, clips
        self._started = self._trained_s = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started, self._trained_s = time.perf_counter(), 0.0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._trained_s = time.perf_counter() - self._started

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._log(trainer, 0, {})

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        seconds = self._trained_s or time.perf_counter() - self._started  # not evaluated: till now
        health = {
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "speed/clips_per_s": self.clips / seconds,
            "speed/audio_s_per_s": self.audio_seconds / seconds,
            "memory/peak_gb": peak_memory_gb(pl_module.device),
        }
        self._log(trainer, trainer.current_epoch + 1, health)

    def _log(self, trainer: pl.Trainer, epoch: int, health: Mapping[str, float]) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.tracker.log_metrics({**metrics, **health}, step=epoch)
