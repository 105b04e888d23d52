"""What the stages that learn from cuts of recordings share: the metrics of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.training.stage import Stage


class SoundStage(Stage):
    """A stage whose metrics are means over an epoch's batches, `train/…` and `eval/…`."""

    def __init__(
        self,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        seed: int,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.noted: dict[str, list[Tensor]] = {}

    def note(self, part: str, values: Mapping[str, Tensor]) -> None:
        """Keep a batch's values, scalars, for the means of `part`."""
        for name, value in values.items():
            self.noted.setdefault(f"{part}/{name}", []).append(value.detach().float())

    def on_train_epoch_end(self) -> None:
        found = self._means("train") | self.gradients.epoch_means()
        self.log_dict(found, logger=False, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        # Every device evaluates all cuts, as they are few; but a decoder draws noise, and devices
        # that disagree on which epoch is best would wait for each other for ever.
        self.log_dict(self._means("eval"), logger=False, sync_dist=True)

    def _means(self, part: str) -> dict[str, Tensor]:
        names = [name for name in self.noted if name.startswith(f"{part}/")]
        return {name: torch.stack(self.noted.pop(name)).mean() for name in names}
