"""Rules by which XTTS's GPT samples audio codes, and records of sentences and generated codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from xttslab.model.setting_ranges import SAMPLING, require_number

# Coqui hands transformers a prefix of made-up ids: ones, then the start token. Its repetition
# penalty therefore holds for code 1 and the start token from the first step on.
PREFIX_ID = 1
DRAWS = 1024  # random numbers made for each sentence, more than XTTS has positions
Choose = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Sampling:
    """How the next code is drawn; `conf/sampling/` holds the defaults. `greedy` takes the likeliest
    code; `top_k=0` and `top_p=1` leave none out. Raises UserError for values that draw nothing."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    greedy: bool = False

    def __post_init__(self) -> None:
        for name, allowed in SAMPLING.items():
            require_number(name, getattr(self, name), allowed)


@dataclass(frozen=True)
class Sentence:
    """One thing to say. `limit` caps its codes: an untrained model never stops by itself."""

    text: Sequence[int]  # token numbers without start and stop
    latents: Tensor  # (32, D) from `XttsGpt.prompt_latents`
    limit: int
    seed: int = 0  # its random numbers, whatever else is in the batch


@dataclass(frozen=True)
class Generated:
    """What the GPT said. Row t of `latents` and `stop_chance` belongs to the step that chose code
    t; the last row chose the stop token if `ended`, as in Coqui's latents."""

    codes: Tensor  # (T,) without the stop token
    latents: Tensor  # (T + 1, D) if ended, else (T, D)
    stop_chance: Tensor  # probability of the stop token before any sampling rule
    ended: bool  # False when the limit cut it off


def chooser(rules: Sampling) -> Choose:
    """What picks codes (R,) from history (R, t), logits (R, V) and random numbers (R, 1)."""
    processors = LogitsProcessorList()
    if rules.repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(rules.repetition_penalty))
    if rules.greedy:
        return lambda history, logits, drawn: processors(history, logits).argmax(-1)
    if rules.temperature != 1.0:
        processors.append(TemperatureLogitsWarper(rules.temperature))
    if rules.top_k:
        processors.append(TopKLogitsWarper(rules.top_k))
    if rules.top_p < 1.0:
        processors.append(TopPLogitsWarper(rules.top_p))

    def choose(history: Tensor, logits: Tensor, drawn: Tensor) -> Tensor:
        cumulative = processors(history, logits).softmax(-1).cumsum(-1)
        # Inverse of the distribution function; the total is not exactly 1 in floating point.
        target = drawn * cumulative[:, -1:]
        return torch.searchsorted(cumulative, target, right=True).squeeze(1)

    return choose


def uniform(seed: int) -> Tensor:
    """One number in [0, 1) for each code a sentence can have; always as many, as the generator's
    values depend on how many are drawn at once."""
    return torch.rand(DRAWS, generator=torch.Generator().manual_seed(seed))
