"""Cross-entropies per clip against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from xttslab.data.batches import Example, TokenSpec, collate
from xttslab.model.gpt import Logits
from xttslab.model.losses import clip_losses, weighted_total

SPEC = TokenSpec(start_text=7, stop_text=0, start_audio=16, stop_audio=17, prompt_latents=2)


def batch_of(spans, codes=(4, 6), mask="fixed"):
    prompt = np.zeros((80, 4), np.float32)
    examples = [
        Example(i, np.full(2 + i, 3), np.arange(n), prompt, span)
        for i, (n, span) in enumerate(zip(codes, spans, strict=True))
    ]
    return collate(examples, SPEC, mask)


def uniform(batch) -> Logits:
    return Logits(
        torch.zeros(len(batch.text_at), 8), torch.zeros(len(batch.audio_at), 18), torch.empty(0)
    )


def test_uniform_guessing_costs_the_logarithm_of_the_vocabulary() -> None:
    batch = batch_of([None, None])
    losses = clip_losses(uniform(batch), batch)
    assert losses.text_tokens.tolist() == [3, 4]
    assert losses.code_tokens.tolist() == [4, 6]
    assert losses.stop_tokens.tolist() == [4, 4]
    assert losses.end_tokens.tolist() == [1, 1]
    assert losses.text.tolist() == pytest.approx([3 * math.log(8), 4 * math.log(8)])
    assert losses.mel.tolist() == pytest.approx([8 * math.log(18), 10 * math.log(18)])


def test_masked_codes_count_nowhere() -> None:
    batch = batch_of([(0, 2), (1, 4)])
    losses = clip_losses(uniform(batch), batch)
    assert losses.code_tokens.tolist() == [2, 3]
    assert losses.mel.tolist() == pytest.approx([6 * math.log(18), 7 * math.log(18)])


def test_a_prompt_over_the_whole_clip_leaves_numbers_not_nan() -> None:
    batch = batch_of([(0, 4), (0, 6)])
    losses = clip_losses(uniform(batch), batch)
    mean = losses.mel.sum() / losses.mel_tokens.sum()
    assert mean.item() == pytest.approx(math.log(18))
    theirs = batch_of([(0, 4)], codes=(4,), mask="coqui")
    nothing = clip_losses(uniform(theirs), theirs)
    assert (nothing.mel.sum() / nothing.mel_tokens.sum()).isnan()  # Coqui's NaN


def test_the_stop_token_is_told_apart() -> None:
    batch = batch_of([None, None])
    logits = uniform(batch)
    logits.audio[:, SPEC.stop_audio] = 50.0  # always says stop
    losses = clip_losses(logits, batch)
    assert losses.end.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert losses.stops.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert losses.code.tolist() == pytest.approx([200.0, 300.0])


def test_half_precision_logits_are_summed_in_float32() -> None:
    batch = batch_of([None, None])
    logits = uniform(batch)
    half = Logits(logits.text.half(), logits.audio.half(), logits.heard)
    assert clip_losses(half, batch).mel.dtype == torch.float32


def test_the_total_is_coquis() -> None:
    total = weighted_total(torch.tensor(2.34), torch.tensor(5.046))
    assert total.item() == pytest.approx(5.0694, abs=1e-4)  # the seed's 0.0234 + 5.046
