"""Held-out losses of single clips in, one table over all epochs out, for paired comparisons."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from xttslab.files import write_atomically
from xttslab.tracking.protocol import Tracker
from xttslab.training.metrics import mel_sums
from xttslab.training.module import GptStage

FOLDER, FILE = "evaluation", "clip_losses.csv"
COLUMNS = ("epoch", "clip", "source", "mel", "mel_tokens", "other_text", "mel_other_text")


class ClipLossTable(Checkpoint):
    """Writes `evaluation/clip_losses.csv` of the run after every evaluation, and sends it on.

    One row an epoch and held-out clip: `mel` is the sum of its cross-entropies in nats,
    `mel_tokens` how many there are. `mel_other_text` is the same sum with the text of the clip
    `other_text`; both are empty where no other text is held out, and in epochs that were evaluated
    before it was measured.
    """

    def __init__(self, tracker: Tracker, run_dir: Path) -> None:
        self.tracker, self.path = tracker, run_dir / FOLDER / FILE

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        assert isinstance(pl_module, GptStage)
        epoch = 0 if trainer.state.fn == "validate" else trainer.current_epoch + 1
        buffer = io.StringIO()
        table = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows([*self._written(), *_rows(pl_module, epoch)])
        write_atomically(self.path, buffer.getvalue().encode())
        self.tracker.log_artifact(self.path, FOLDER)

    def _written(self) -> list[dict[str, str]]:
        """The rows that are there, by column."""
        if not self.path.is_file():
            return []
        with self.path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


def _rows(stage: GptStage, epoch: int) -> list[dict[str, str]]:
    """The rows of the evaluation that has just ended, by column."""
    others = list(stage.other_texts)
    sums = zip(others, mel_sums(stage.other_text, others), strict=True)
    by_other = {
        row: {"other_text": stage.clips[stage.other_texts[row]].id, "mel_other_text": f"{nats:.6f}"}
        for row, (nats, _) in sums
    }
    return [
        {
            "epoch": str(epoch),
            "clip": stage.clips[row].id,
            "source": stage.clips[row].source,
            "mel": f"{nats:.6f}",
            "mel_tokens": f"{tokens:.0f}",
            **by_other.get(row, {}),
        }
        for row, (nats, tokens) in zip(
            stage.eval_rows, mel_sums(stage.held_out, stage.eval_rows), strict=True
        )
    ]
