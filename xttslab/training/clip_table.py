"""Held-out losses of single clips in, one table over all epochs out, for paired comparisons."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from xttslab.data.audio import write_whole
from xttslab.tracking.protocol import Tracker
from xttslab.training.metrics import mel_sums
from xttslab.training.module import GptStage

FOLDER, FILE = "evaluation", "clip_losses.csv"
COLUMNS = ("epoch", "clip", "source", "mel", "mel_tokens")


class ClipLossTable(Checkpoint):
    """Writes `evaluation/clip_losses.csv` of the run after every evaluation, and sends it on.

    One row an epoch and held-out clip: `mel` is the sum of its cross-entropies in nats,
    `mel_tokens` how many there are. Rows of an epoch that is run again take the place of the old.
    """

    def __init__(self, tracker: Tracker, run_dir: Path) -> None:
        self.tracker, self.path = tracker, run_dir / FOLDER / FILE

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        assert isinstance(pl_module, GptStage)
        epoch = 0 if trainer.state.fn == "validate" else trainer.current_epoch + 1
        rows = [row for row in self._written() if int(row[0]) < epoch]
        sums = mel_sums(pl_module.held_out, pl_module.eval_rows)
        for row, (nats, tokens) in zip(pl_module.eval_rows, sums, strict=True):
            clip = pl_module.clips[row]
            rows.append([str(epoch), clip.id, clip.source, f"{nats:.6f}", f"{tokens:.0f}"])
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([COLUMNS, *rows])
        write_whole(self.path, buffer.getvalue().encode())
        self.tracker.log_artifact(self.path, FOLDER)

    def _written(self) -> list[list[str]]:
        """The rows that are there, without their header."""
        if not self.path.is_file():
            return []
        with self.path.open(encoding="utf-8", newline="") as lines:
            return list(csv.reader(lines))[1:]
