"""Ctrl-C in, a run that ends cleanly out: once finishes the epoch and saves it, twice stops."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

STOPPED = 128 + signal.SIGINT  # the exit status that shells expect


class CtrlC(pl.Callback):
    """The first Ctrl-C lets the run finish its epoch, which is evaluated, logged and saved as
    always, and ends it with SystemExit; the second raises KeyboardInterrupt at once.

    Before the first step there is nothing to finish: there one Ctrl-C stops at once. To be placed
    behind the callbacks that may end a run, so that a run that ends anyway is not called stopped.
    """

    def __init__(self) -> None:
        self.asked = False
        self._cut = False
        self._former: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():  # Python allows no other
            self._former = signal.signal(signal.SIGINT, self._note)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # all processes must decide alike, although the signal reaches them at different times
        asked = trainer.strategy.reduce_boolean_decision(self.asked, all=False)
        ending = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if asked and not ending:
            self._cut = trainer.should_stop = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._restore()
        if self._cut:
            raise SystemExit(STOPPED)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print(
            "\nCtrl-C: this epoch is finished and saved, then the run stops; Ctrl-C again stops at "
            "once",
            file=sys.stderr,
            flush=True,
        )

    def _restore(self) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)
            self._former = None
