"""Losses in, what they mean in plain numbers out: perplexity, and nats gained over baselines.

A cross-entropy of H nats is the surprise at the next token; exp(H) tokens, equally likely, would
surprise as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xttslab.reporting.record import RunData

AUDIO_TOKENS, TEXT_TOKENS = 1026, 6681  # of XTTS-v2: 1024 codes, start, stop; its vocabulary
UNIGRAM = "codes/unigram_entropy"  # of the training clips' codes: knowing frequencies alone


def beside(value: float, limit: float, digits: int) -> str:
    """The value rounded to `digits`, or to as many more as keep it on its side of a limit that it
    is shown beside: 6.96 below 7 is not 7.0."""
    for more in range(digits, 17):
        text = f"{value:.{more}f}"
        if (float(text) < limit, float(text) > limit) == (value < limit, value > limit):
            return text
    return repr(value)


@dataclass(frozen=True)
class Meaning:
    """One loss in nats per token, its perplexity of how many, and what it gains on baselines.

    `unigram` is the entropy of the training clips' codes, `zero_shot` the loss before training on
    the same clips; None where they were not measured.
    """

    metric: str
    loss: float
    vocabulary: int
    unigram: float | None
    zero_shot: float | None

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 700.0))  # beyond, a float overflows

    @property
    def uniform(self) -> float:
        """Loss of guessing every token alike."""
        return math.log(self.vocabulary)

    @property
    def gained(self) -> float:
        return self.uniform - self.loss

    @property
    def sentence(self) -> str:
        what = "audio codes" if self.metric.endswith("mel_ce") else "text tokens"
        share = self.gained / self.uniform
        if self.gained < 0:
            return (
                f"More unsure than among all {self.vocabulary} {what}: "
                f"{-self.gained:.3f} nats ({-share:.0%}) worse than guessing."
            )
        return (
            f"As unsure as between {self.perplexity:,.1f} of {self.vocabulary} {what}: "
            f"{self.gained:.3f} nats ({share:.0%}) better than guessing."
        )


def meanings(run: RunData, epoch: int | None) -> list[Meaning]:
    """What the held-out losses (else the training losses) mean at an epoch; None: the last."""
    found = []
    for name, default in (("text_ce", TEXT_TOKENS), ("mel_ce", AUDIO_TOKENS)):
        for part in ("eval", "train"):
            loss = run.value(f"{part}/{name}", epoch)
            if loss is not None:
                found.append(_meaning(run, f"{part}/{name}", loss, default))
                break
    return found


def _meaning(run: RunData, metric: str, loss: float, default: int) -> Meaning:
    is_mel = metric.endswith("mel_ce")
    param = "num_audio_tokens" if is_mel else "number_text_tokens"
    size = run.number(f"model.architecture.{param}")
    unigram = run.value(UNIGRAM) if metric == "eval/mel_ce" else None
    zero_shot = run.value(metric, 0) if metric.startswith("eval/") else None
    return Meaning(metric, loss, int(size or default), unigram, zero_shot)
