"""A trained GPT and its encoded clips in, the latents that its decoder learns from out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from xttslab.data.batches import Example, collate
from xttslab.model.gpt import XttsGpt

TOGETHER = 16  # clips in one pass; of like length when the caller sorts them


@torch.no_grad()
def decoder_latents(gpt: XttsGpt, examples: Sequence[Example]) -> Iterator[np.ndarray]:
    """Hidden states (T + 1, D) float16 of each clip's codes, teacher-forced, in order.

    Row t is the state that predicts code t, the last one that which predicts the stop: what
    `sampling.generate` gives for speech of the model's own.
    """
    if gpt.training:
        raise ValueError("decoder_latents needs the model in eval mode")
    device = gpt.final_norm.weight.device
    for first in range(0, len(examples), TOGETHER):
        some = examples[first : first + TOGETHER]
        batch = collate(some, gpt.tokens, "none").to(device)
        states = gpt.hidden(batch).index_select(0, batch.audio_at)  # (N_m, D)
        for row, example in enumerate(some):
            own = states[batch.audio_rows == row][: len(example.codes) + 1]
            yield own.float().cpu().numpy().astype(np.float16)
