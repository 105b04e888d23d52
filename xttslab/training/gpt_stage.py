"""The Lightning module of `stage=gpt`, and the table of its losses on each held-out clip."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.batches import Batch
from xttslab.data.datamodule import EVAL_LOADERS
from xttslab.data.manifest import Clip
from xttslab.files import remove, write_atomically
from xttslab.model.adapters import SCALE, adapter_scale
from xttslab.model.gpt import ClipLosses, Logits, clip_losses, weighted_total
from xttslab.tracking.records import Tracker
from xttslab.training.metrics import (
    LossMeter,
    eval_metrics,
    mel_sums,
    text_gain_metrics,
    train_metrics,
)
from xttslab.training.optim import trained_state
from xttslab.training.stage import Stage


class GptStage(Stage):
    """Fine-tunes XTTS's GPT on audio codes.

    Args:
        gpt: the model; anything that maps a `Batch` to `Logits`.
        clips: the data set, in the order that `Batch.rows` counts.
        eval_rows, train_eval_rows: the clips of the evaluation loaders.
        other_texts: held-out clip → the clip whose text it is scored with too, to see whether the
            model reads; empty where there is no other text.
        optimizer, scheduler: constructors that lack only what they work on.
        text_weight, mel_weight: of the two cross-entropies in the loss.
        seed: of what a step draws, see `Stage`.
    """

    def __init__(
        self,
        gpt: nn.Module,
        clips: Sequence[Clip],
        eval_rows: Sequence[int],
        train_eval_rows: Sequence[int],
        other_texts: Mapping[int, int],
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        text_weight: float,
        mel_weight: float,
        seed: int,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.gpt = gpt
        self.clips, self.eval_rows, self.train_eval_rows = clips, eval_rows, train_eval_rows
        self.other_texts = other_texts
        self.weights = (text_weight, mel_weight)
        self.meters: dict[str, LossMeter] = {}
        # the last evaluation's sums by clip, (clips, columns): with its own text, with another
        self.held_out, self.other_text = torch.empty(0), torch.empty(0)
        self.strict_loading = False  # checkpoints hold what was trained, not what was frozen

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch; copies from pinned memory overlap with the work before."""
        return batch.to(device, non_blocking=True)

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        self.meters["train"] = self._meter()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        logits = self.gpt(batch)
        losses = clip_losses(logits, batch)
        self.meters["train"].add(batch.rows, losses)
        return self.group_share(self.total_loss(losses, logits, batch), batch_idx)

    def total_loss(self, losses: ClipLosses, logits: Logits, batch: Batch) -> Tensor:
        """The weighted loss; a device's share counts by its tokens, not as one of `world` means."""
        text = self._global_mean(losses.text, losses.text_tokens)
        mel = self._global_mean(losses.mel, losses.mel_tokens)
        return weighted_total(text, mel, *self.weights)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update, then free the gradients: Lightning would keep them through the next pass
        forward, beside its activations."""
        super().optimizer_step(*args, **kwargs)
        self.gpt.zero_grad(set_to_none=True)

    def on_train_epoch_end(self) -> None:
        sums = self.meters.pop("train").reduced()
        self.publish(train_metrics(sums, *self.weights) | self.gradients.epoch_means())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen weights out: they are where they came from."""
        kept = trained_state(self.gpt)
        checkpoint["state_dict"] = {f"gpt.{name}": value for name, value in kept.items()}

    @property
    def trained(self) -> nn.Module:
        return self.gpt

    def trained_weights(self) -> dict[str, Tensor]:
        """What this stage trains, under the names of Coqui's `Xtts`."""
        state = {f"gpt.{name}": value for name, value in trained_state(self.gpt).items()}
        scale = adapter_scale(self.gpt)
        return state if scale is None else {**state, SCALE: torch.tensor(scale)}

    def on_validation_epoch_start(self) -> None:
        self.meters |= {name: self._meter() for name in EVAL_LOADERS}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int) -> None:
        losses = clip_losses(self.gpt(batch), batch)
        self.meters[EVAL_LOADERS[dataloader_idx]].add(batch.rows, losses)

    def on_validation_epoch_end(self) -> None:
        held_out, trained, by_reference, other_text = (
            self.meters.pop(name).reduced() for name in EVAL_LOADERS
        )
        self.held_out, self.other_text = held_out, other_text
        rows = (self.eval_rows, self.train_eval_rows)
        found = eval_metrics(held_out, trained, by_reference, self.clips, *rows, *self.weights)
        self.publish(found | text_gain_metrics(held_out, other_text, list(self.other_texts)))

    def _meter(self) -> LossMeter:
        return LossMeter(len(self.clips), self.device)

    def publish(self, metrics: dict[str, float]) -> None:
        """Give an epoch's metrics, already reduced over processes, to the callbacks."""
        self.log_dict(metrics, logger=False, sync_dist=False)

    def _global_mean(self, sums: Tensor, tokens: Tensor) -> Tensor:
        """Mean over the tokens of all devices, scaled so that DDP's average is that mean."""
        count = tokens.sum()
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return sums.sum() / count
        everywhere = count.clone()
        torch.distributed.all_reduce(everywhere)
        return sums.sum() * torch.distributed.get_world_size() / everywhere


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
        write_clip_losses(self.path, [*read_clip_losses(self.path), *_rows(pl_module, epoch)])
        self.tracker.log_artifact(self.path, FOLDER)


def read_clip_losses(path: Path) -> list[dict[str, str]]:
    """The rows of a table of `ClipLossTable`, by column; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write_clip_losses(
    path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS
) -> None:
    """Write such a table with these columns; without rows there is no file."""
    if not rows:
        return remove(path)
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return write_atomically(path, buffer.getvalue())


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
