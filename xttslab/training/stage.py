"""What the stages' Lightning modules share: optimiser, schedule, gradient clipping, means, and what
a run says of its steps and epochs."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.progress import What, doing, say
from xttslab.training.metrics import GradientLog
from xttslab.training.optim import decay_groups


class Stage(pl.LightningModule):
    """One stage of training.

    Args:
        optimizer, scheduler: constructors that lack only what they work on.
        seed: makes what a step draws (dropout, noise) depend on epoch and step alone, so that a
            resumed run repeats an uninterrupted one.
    """

    may_be_halved = True  # whether its weights may be stored in 16 bits
    step_loss: Tensor  # the loss of the step that was done last, see `group_share`

    def __init__(
        self,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        seed: int,
    ) -> None:
        super().__init__()
        self.make_optimizer, self.make_scheduler, self.seed = optimizer, scheduler, seed
        self.gradients = GradientLog()

    @property
    @abstractmethod
    def trained(self) -> nn.Module:
        """The part of the model that is trained, as far as it requires gradients."""

    @property
    def learning(self) -> nn.Module:
        """All that the optimiser works on; more than `trained` where training has parts that no
        model needs."""
        return self.trained

    @abstractmethod
    def trained_weights(self) -> dict[str, Tensor]:
        """What this stage trains, under the names of Coqui's `Xtts`."""

    @property
    def clipped_apart(self) -> Mapping[str, nn.Module]:
        """Parts of `learning` that have a loss of their own, and so a gradient norm of their own to
        be clipped by; each name ends that of its metric, `grad_norm_<name>`."""
        return {}

    def group_share(self, loss: Tensor, batch_idx: int) -> Tensor:
        """A step's loss, so scaled that a group of accumulated steps sums to its mean: Lightning
        divides by `accumulate_grad_batches` even where an epoch's last group is smaller. The loss
        itself stays in `step_loss`."""
        self.step_loss = loss.detach()
        group = self.trainer.accumulate_grad_batches
        batches = self.trainer.num_training_batches
        last = batches % group
        return loss * (group / last) if last and batch_idx >= batches - last else loss

    def on_train_epoch_start(self) -> None:
        """Forget what earlier epochs published: Lightning would give it out as this epoch's where
        this epoch is not evaluated or scored."""
        self.trainer.callback_metrics.clear()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        place = (self.seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm over all parameters if asked, and note it either way; parts that are
        `clipped_apart` by their own.

        Lightning's own clipping refuses fused optimisers in every mixed precision, though only
        scaled 16-bit gradients would be wrong; `Job.optimizer` takes no fused one there.
        """
        parts = {name: list(part.parameters()) for name, part in self.clipped_apart.items()}
        apart = {parameter for part in parts.values() for parameter in part}
        every = [p for group in optimizer.param_groups for p in group["params"]]
        parts = {"": [p for p in every if p not in apart], **parts}
        limit = gradient_clip_val or float("inf")
        norms = {name: torch.nn.utils.clip_grad_norm_(part, limit) for name, part in parts.items()}
        self.gradients.add(norms, gradient_clip_val)

    def configure_optimizers(self) -> dict[str, Any]:
        """The optimiser over everything that requires gradients, decaying matrices only."""
        optimizer = self.make_optimizer(decay_groups(self.learning))
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.make_scheduler(optimizer, total_steps=steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class AveragingStage(Stage):
    """A stage whose metrics are means over an epoch's batches, `train/…` and `eval/…`."""

    def __init__(
        self,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        seed: int,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.noted: dict[str, list[Tensor]] = {}

    @abstractmethod
    def trial_loss(self, batch: Any) -> Tensor:
        """The loss of a step of training that leaves no trace: to see what its graph keeps."""

    def note(self, part: str, values: Mapping[str, Tensor]) -> None:
        """Keep a batch's values, scalars, for the means of `part`."""
        for name, value in values.items():
            self.noted.setdefault(f"{part}/{name}", []).append(value.detach().float())

    def on_train_epoch_end(self) -> None:
        found = self._means("train") | self.gradients.epoch_means()
        self.log_dict(found, logger=False, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        # Every device evaluates everything, as it is little; but a decoder draws noise, and devices
        # that disagree on which epoch is best would wait for each other for ever.
        self.log_dict(self._means("eval"), logger=False, sync_dist=True)

    def _means(self, part: str) -> dict[str, Tensor]:
        names = [name for name in self.noted if name.startswith(f"{part}/")]
        return {name: torch.stack(self.noted.pop(name)).mean() for name in names}


class EpochLines(Checkpoint):
    """Says how far a run is: a line an epoch with the loss that chooses the best, `monitor`, and
    what to tell meanwhile.

    A `Checkpoint`, since Lightning calls those after the module has published its metrics.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor, self._best = monitor, math.inf

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Stage, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss, epoch = pl_module.step_loss, trainer.current_epoch + 1
        done = f"epoch {epoch} of {trainer.max_epochs}, step {batch_idx + 1} of"
        steps = trainer.num_training_batches
        self._note(trainer, lambda: f"{done} {steps}, loss {float(loss):.3f}")

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        epoch = trainer.current_epoch + (trainer.state.fn != "validate")
        self._note(trainer, f"epoch {epoch}: evaluating, batch {batch_idx + 1}")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._tell(trainer, "before the first step")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._tell(trainer, f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}")

    def _note(self, trainer: pl.Trainer, what: What) -> None:
        if trainer.is_global_zero:
            doing(what, drawn=trainer.progress_bar_callback is not None)

    def _tell(self, trainer: pl.Trainer, when: str) -> None:
        """One line; a value that is lower than all before it is marked."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is None or not trainer.is_global_zero:
            return
        best = float(value) < self._best < math.inf
        self._best = min(float(value), self._best)
        say(f"{when}: {self.monitor} {float(value):.4f}{', the best so far' * best}")
