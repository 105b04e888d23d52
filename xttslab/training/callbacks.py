"""Callbacks of every run: logging, the loss guard, Ctrl-C, and one history of a resumed run."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from xttslab.errors import UserError
from xttslab.files import replace, write_atomically
from xttslab.tracking.gallery import epoch_folders
from xttslab.tracking.records import METRICS_FILE, Tracker, metrics_lines, read_metrics
from xttslab.training.gpt_stage import FILE, FOLDER, read_clip_losses, write_clip_losses
from xttslab.training.stage import Stage

SET_ASIDE = "set_aside"  # in a run's folder: 1/, 2/, … with what each return to an epoch put there
STOPPED = 128 + signal.SIGINT  # the exit status that shells expect


class EpochLog(Checkpoint):
    """Logs every epoch's metrics with step = epoch; row 0 comes before any update.

    A `Checkpoint`, since Lightning calls those after the module has published its metrics.
    """

    def __init__(self, tracker: Tracker, audio_seconds: float, clips: int) -> None:
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


def peak_memory_gb(device: torch.device) -> float:
    """The most memory used so far, in 10⁹ bytes: of the GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return _peak_of_process() / 1e9


def _peak_of_process() -> int:
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource  # psutil knows no peak elsewhere

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB on Linux


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


class InterruptHandler(pl.Callback):
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


class ResumeHistory(pl.Callback):
    """Lets a run that goes on from a checkpoint have one history, before its first step.

    Metrics and files are newer than the checkpoint where a run was stopped between two of them.
    With other settings, the epochs behind it become others, and nothing may mix the two. Weights
    are `RunCheckpoints`' own affair.
    """

    def __init__(self, tracker: Tracker, run_dir: Path) -> None:
        self.tracker, self.run_dir = tracker, run_dir

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            go_back(self.run_dir, self.tracker, trainer.current_epoch)


def go_back(run_dir: Path, tracker: Tracker, epoch: int) -> None:
    """Move the metrics, clip losses and samples of the epochs behind `epoch` (-1: of all) from
    `run_dir` to a folder `set_aside/N/` of it, under their names, and let the tracker know.

    Does nothing where there are none.
    """
    table = run_dir / FOLDER / FILE
    rows = {step: row for step, row in read_metrics(run_dir).items() if step > epoch}
    scored = read_clip_losses(table)
    found = [row for row in scored if int(row["epoch"]) > epoch]
    spoken = [folder for spoke, folder in epoch_folders(run_dir / "samples") if spoke > epoch]
    if not (rows or found or spoken):
        return
    place = _next(run_dir / SET_ASIDE)
    if rows:
        write_atomically(place / METRICS_FILE, metrics_lines(rows))
    if found:
        columns = list(found[0])  # a table of an older run has fewer
        write_clip_losses(place / FOLDER / FILE, found, columns)
        write_clip_losses(table, [row for row in scored if int(row["epoch"]) <= epoch], columns)
    for folder in spoken:
        target = place / "samples" / folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(folder, target)
    tracker.go_back(epoch)
    where = f"epoch {epoch}" if epoch >= 0 else "the start"
    print(
        f"going on from {where}; what this run had made of later epochs is now in {place}",
        file=sys.stderr,
    )


def _next(folder: Path) -> Path:
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return folder / str(max(numbers, default=0) + 1)
