"""The monitored loss of each epoch in, its report to the study and a hopeless run's end out."""

from __future__ import annotations

import math

import pytorch_lightning as pl
from optuna.trial import Trial


class Pruning(pl.Callback):
    """Tells the study the loss after every epoch; ends the run, as early stopping does, when the
    median of the others was better by then."""

    def __init__(self, trial: Trial, monitor: str) -> None:
        self.trial, self.monitor = trial, monitor
        self.pruned = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if not math.isfinite(value):
            return
        self.trial.report(value, trainer.current_epoch + 1)
        if self.trial.should_prune() and trainer.current_epoch + 1 < trainer.max_epochs:
            self.pruned = trainer.should_stop = True
