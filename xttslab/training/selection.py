"""The loss and the marks of an epoch in, one number that the best checkpoint may be chosen by out.

The lowest loss is not always the best voice: `checkpoint.monitor=selection/loss_and_voice`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SELECTION = "selection/loss_and_voice"  # lower is better; known at epochs that were scored


@dataclass(frozen=True)
class Selection:
    """How loss and voice become one number: `loss` − `nats_per_mark` · `mark`.

    `nats_per_mark` says how many nats of loss one mark out of 10 is worth.
    """

    loss: str
    mark: str
    nats_per_mark: float

    def value(self, losses: Mapping[str, float], marks: Mapping[str, float]) -> float:
        """The number of one epoch. A mark that was not measured changes nothing: the loss alone
        counts then. NaN where the loss is unknown, which chooses nothing."""
        loss = losses.get(self.loss, math.nan)
        return float(loss) - self.nats_per_mark * marks.get(self.mark, 0.0)
