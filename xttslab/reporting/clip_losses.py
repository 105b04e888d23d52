"""A run's table of held-out clips in, their losses at one epoch out."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass

from xttslab.reporting.record import RunData

log = logging.getLogger(__name__)

CLIP_LOSSES = "evaluation/clip_losses.csv"


@dataclass(frozen=True)
class ClipLoss:
    """One held-out clip at one epoch: `mel` nats over `tokens` targets.

    `other_mel` is the same sum with the text of the clip `other_text`; None and "" in runs that
    did not measure it.
    """

    mel: float
    tokens: float
    other_text: str = ""
    other_mel: float | None = None

    @property
    def helped(self) -> float:
        """Nats that the right text saves over the other one; NaN where that was not measured."""
        return float("nan") if self.other_mel is None else self.other_mel - self.mel


def clip_losses(run: RunData, epoch: int | None) -> dict[str, ClipLoss]:
    """Clip → its loss at an epoch; empty where the run has no such table or no such epoch."""
    path = run.files.get(CLIP_LOSSES)
    if path is None or epoch is None:
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if int(row["epoch"]) == epoch]
        return {row["clip"]: _loss(row) for row in rows}
    except (KeyError, ValueError) as fault:
        log.warning("%s: left out (%s)", path, fault)
        return {}


def _loss(row: dict[str, str]) -> ClipLoss:
    mel, tokens = float(row["mel"]), float(row["mel_tokens"])
    if not row.get("mel_other_text"):  # no other text was held out, or an older table
        return ClipLoss(mel, tokens)
    return ClipLoss(mel, tokens, row["other_text"], float(row["mel_other_text"]))
