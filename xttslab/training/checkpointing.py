"""Keeps a run's best epochs as weights, and its last epoch as a checkpoint to resume from."""

from __future__ import annotations

import json
import pickle
import re
import sys
import time
import zipfile
from itertools import count
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from xttslab.errors import UserError
from xttslab.files import duplicate, remove, replace, replacing, stored_path, write_atomically
from xttslab.model.base import BEST, RECORD
from xttslab.model.checkpoints import write_tensors
from xttslab.training.metrics import SELECTION

LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"  # the `last` before, should the newest turn out damaged
_EPOCH = re.compile(r"epoch_(\d+)\.safetensors")
_UNREADABLE = (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile)


class RunCheckpoints(Checkpoint):
    """Keeps a run's checkpoints in `folder`.

    The best is `best.safetensors`, the others are `epoch_NNN.safetensors`. A best that another
    takes the place of stays as long as a checkpoint to go on from counts it among its best, so that
    a run that goes on finds again what it had.

    Args:
        monitor: the metric whose lowest value is best.
        top_k: how many of the best epochs are kept; only the best is called `best`.
        half: store them in 16 bits.
        every_minutes: `last` is written at epoch ends, at most this often.
        keep_last: keep `last` after a run that succeeded.
        origin: where weights that this run did not train come from ("" for the base model).
        codec: fingerprint of the codec whose codes the GPT reads ("": no GPT was trained or used).
    """

    def __init__(
        self,
        folder: Path,
        monitor: str,
        top_k: int,
        half: bool,
        every_minutes: float,
        keep_last: bool,
        origin: str,
        codec: str,
    ) -> None:
        self.folder, self.monitor, self.top_k, self.half = folder, monitor, top_k, half
        self.every_minutes, self.keep_last, self.origin = every_minutes, keep_last, origin
        self.codec = codec
        self.kept: list[tuple[float, int]] = []  # (value, epoch), best first
        self._in_last: list[tuple[float, int]] = []  # what `last` has as `kept` …
        self._in_previous: list[tuple[float, int]] = []  # … and the one before it
        self._last_written = time.monotonic()
        self._evaluated = False  # in this epoch

    @property
    def best(self) -> tuple[float, int] | None:
        """The lowest monitored value and its epoch, once there is one."""
        return self.kept[0] if self.kept else None

    @property
    def best_path(self) -> Path:
        return self.folder / BEST

    def state_dict(self) -> dict[str, Any]:
        kept, before = ([list(entry) for entry in some] for some in (self.kept, self._in_last))
        return {"kept": kept, "before": before, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises UserError where the best was chosen by another metric."""
        monitor = state_dict.get("monitor", self.monitor)  # older runs did not note it
        if monitor != self.monitor:
            raise UserError(
                f"checkpoint.monitor={self.monitor}: this run has chosen its best by {monitor} so "
                f"far; go on with that, or begin another run with init_from={self.best_path}"
            )
        before = state_dict.get("before", [])
        self.kept, self._in_previous = (
            [(v, e) for v, e in some] for some in (state_dict["kept"], before)
        )
        self._in_last = list(self.kept)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the files be those of the epoch that the run goes on from."""
        if trainer.is_global_zero and self.folder.is_dir():
            self._go_back(trainer.current_epoch)
        self.kept = trainer.strategy.broadcast(self.kept)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._evaluated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._evaluated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the epoch that ended if it is among the best; epochs are counted from 1, as their
        metrics are. Raises UserError where an epoch was evaluated and its `monitor` is unknown."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is None and self._evaluated and self.monitor != SELECTION:
            known = ", ".join(sorted(trainer.callback_metrics))
            raise UserError(f"checkpoint.monitor={self.monitor} is not logged; choose of: {known}")
        epoch = trainer.current_epoch + 1
        if value is not None and all(epoch != kept for _, kept in self.kept):
            self._rank(float(value), epoch, trainer, pl_module)
        minutes = (time.monotonic() - self._last_written) / 60
        due = minutes >= self.every_minutes or epoch == trainer.max_epochs or trainer.should_stop
        # saving needs all processes at once, and their clocks differ: the first one's counts
        if trainer.strategy.broadcast(due):
            self._write_last(trainer)

    def tidy(self) -> None:
        """Remove what only an interrupted run needs. To be called when all else of the run is
        done: killed before, it would have nothing to go on from."""
        remove(self.folder / PREVIOUS)
        if not self.keep_last:
            remove(self.folder / LAST)
        self._in_last = self._in_previous = []
        self._prune()

    def _write_last(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.folder / LAST)
        self._in_previous, self._in_last = self._in_last, list(self.kept)
        self._last_written = time.monotonic()
        if trainer.is_global_zero:
            self._prune()

    def _rank(
        self, value: float, epoch: int, trainer: pl.Trainer, module: pl.LightningModule
    ) -> None:
        """Keep an epoch that is among the best. Killed between any two lines, there is a best."""
        ranked = sorted([*self.kept, (value, epoch)])[: self.top_k]
        if value != value or (value, epoch) not in ranked:
            return
        former, self.kept = self.best, ranked
        if not trainer.is_global_zero:
            return
        if (value, epoch) == ranked[0]:
            if former and former[1] in self._needed():
                duplicate(self.best_path, self._path(former[1]))
            self._write_weights(self.best_path, module)
        else:
            self._write_weights(self._path(epoch), module)
        self._write_record()
        self._prune()

    def _needed(self) -> set[int]:
        """The epochs whose weights this run, or one that goes on from a checkpoint of it, has."""
        return {epoch for _, epoch in (*self.kept, *self._in_last, *self._in_previous)}

    def _prune(self) -> None:
        for epoch, path in self._beside_best().items():
            if epoch not in self._needed():
                remove(path)

    def _beside_best(self) -> dict[int, Path]:
        """Epoch → file of the weights that are not called best."""
        matches = ((_EPOCH.fullmatch(path.name), path) for path in self.folder.glob("epoch_*"))
        return {int(match[1]): path for match, path in matches if match}

    def _go_back(self, epoch: int) -> None:
        """Set weights of epochs behind `epoch` aside, and put those in their places that were best
        until then."""
        for later, path in self._beside_best().items():
            if later > epoch:
                self._set_aside(path)
        if self.best_path.is_file() and (not self.kept or self._best_on_disk() > epoch):
            self._set_aside(self.best_path)
        if self.kept:
            self._write_record()  # before there is a best again, which an old record would misname
        wanted, self.kept = self.kept, []
        for entry in wanted:
            here = self._path(entry[1])
            if not self.kept and here.is_file():
                replace(here, self.best_path)
            if (here if self.kept else self.best_path).is_file():
                self.kept.append(entry)
            else:
                print(
                    f"warning: the weights of epoch {entry[1]} are gone from {self.folder}; the "
                    "best is chosen without them",
                    file=sys.stderr,
                )
        if self.kept and self.kept != wanted:
            self._write_record()
        self._prune()

    def _set_aside(self, path: Path) -> None:
        places = (path.with_name(f"{path.stem}_set_aside_{n}{path.suffix}") for n in count(1))
        place = next(place for place in places if not place.exists())
        replace(path, place)
        print(f"set aside: {place}, of an epoch that this run goes back behind", file=sys.stderr)

    def _best_on_disk(self) -> int:
        """The epoch of `best.safetensors`, by the record; 0 where none is noted."""
        record = self.folder / RECORD
        noted = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        return next((entry["epoch"] for entry in noted.get("best_first", [])), 0)

    def _write_weights(self, path: Path, module: pl.LightningModule) -> None:
        write_tensors(path, module.trained_weights(), self.half and module.may_be_halved)

    def _write_record(self) -> None:
        entries = [{"epoch": epoch, self.monitor: value} for value, epoch in self.kept]
        record = {
            "monitor": self.monitor,
            "origin": stored_path(Path(self.origin), self.folder, Path()) if self.origin else "",
            "codec": self.codec,
            "best_first": entries,
        }
        write_atomically(self.folder / RECORD, json.dumps(record, indent=2))

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:03d}.safetensors"


def resume_point(folder: Path) -> Path | None:
    """The checkpoint of `folder` to go on from; None where there is none."""
    found = (folder / name for name in (LAST, PREVIOUS))
    return next((path for path in found if path.is_file()), None)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to a temporary file, flushes it to the disk and renames it; the one that
    it takes the place of stays as `previous.ckpt` and is read when the newest is damaged.

    Lightning's own writer first makes a second copy of everything in memory. Raises UserError
    when the disk is full; the newest checkpoint stays as it was.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        target = Path(path)
        previous = target.with_name(PREVIOUS)
        try:
            if target.is_file():  # there is room for two, not for three
                remove(previous)
            with replacing(target, durable=True) as partial:
                with partial.open("wb") as file:
                    torch.save(checkpoint, file)
                if target.is_file():
                    replace(target, previous)
        except (OSError, RuntimeError) as fault:
            raise UserError(
                f"{target}: the checkpoint cannot be written ({fault}); free some space and start "
                "again with resume=true"
            ) from fault

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        newest = Path(path)
        previous = newest.with_name(PREVIOUS)
        try:
            return _read(newest, map_location)
        except _UNREADABLE as fault:
            reason = (str(fault).splitlines() or [type(fault).__name__])[0][:120]
            if newest == previous or not previous.is_file():
                raise UserError(
                    f"{newest}: damaged ({reason}); delete it and start again with init_from= the "
                    f"run's {BEST}"
                ) from fault
        print(
            f"warning: {newest}: damaged ({reason}) and set aside; going on from {previous.name}, "
            "the one before it",
            file=sys.stderr,
        )
        loaded = self.load_checkpoint(previous, map_location, weights_only)
        if newest.is_file():  # another process of the run may have been faster
            replace(newest, newest.with_name(f"{newest.name}.damaged"))
        return loaded


def _read(path: Path, device: Any) -> dict[str, Any]:
    with zipfile.ZipFile(path) as parts:  # torch.load does not look at the checksums
        if damaged := parts.testzip():
            raise OSError(f"the checksum of {damaged} does not fit")
    return torch.load(path, map_location=device or "cpu", weights_only=True)
