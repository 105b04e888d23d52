"""Our forward pass is Coqui's function: same weights, same clips, same numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from xttslab.data.batches import Example, LossMask, TokenSpec, collate
from xttslab.model.gpt import Logits, XttsGpt, clip_losses, weighted_total

SIZE = {
    "layers": 2,
    "model_dim": 64,
    "heads": 2,
    "max_text_tokens": 40,
    "max_mel_tokens": 60,
    "max_prompt_tokens": 70,
    "number_text_tokens": 50,
    "start_text_token": 48,
    "stop_text_token": 0,
    "num_audio_tokens": 34,
    "start_audio_token": 32,
    "stop_audio_token": 33,
}
FRAMES = 60
LENGTHS = [(7, 20), (12, 33), (3, 9), (25, 50), (1, 1)]  # (text tokens, codes) of five clips


@pytest.fixture(scope="module")
def models() -> tuple[GPT, XttsGpt]:
    torch.manual_seed(0)
    theirs = GPT(use_perceiver_resampler=True, **SIZE)
    for parameter in theirs.parameters():  # zero-initialised projections would hide faults
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    ours = XttsGpt(**SIZE)
    ours.load_state_dict(theirs.state_dict())
    return theirs.eval(), ours.eval()


def examples(count: int, span: tuple[int, int] | None = None) -> list[Example]:
    random = np.random.default_rng(count)
    return [
        Example(
            row=i,
            text=random.integers(1, 47, text),
            codes=random.integers(0, 32, codes),
            prompt=random.normal(size=(80, FRAMES)).astype(np.float32),
            prompt_span=span,
        )
        for i, (text, codes) in enumerate(LENGTHS[:count])
    ]


def coqui_forward(model: GPT, clips: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Text CE, mel CE and mel logits (B, V, T) of Coqui's forward on padded clips."""
    texts = [torch.tensor(clip.text) for clip in clips]
    codes = [torch.tensor(clip.codes) for clip in clips]
    spans = [clip.prompt_span for clip in clips]
    return model(
        torch.nn.utils.rnn.pad_sequence(texts, batch_first=True),
        torch.tensor([len(text) for text in texts]),
        torch.nn.utils.rnn.pad_sequence(codes, batch_first=True),
        torch.tensor([len(code) * 1024 for code in codes]),
        cond_mels=torch.tensor(np.stack([clip.prompt for clip in clips])).unsqueeze(1),
        cond_idxs=None if spans[0] is None else torch.tensor(spans) * 1024,
    )


def our_forward(model: XttsGpt, clips: Sequence[Example], mask: LossMask = "none"):
    batch = collate(clips, model.tokens, mask)
    logits = model(batch)
    losses = clip_losses(logits, batch)
    text = losses.text.sum() / losses.text_tokens.sum()
    return text, losses.mel.sum() / losses.mel_tokens.sum(), logits, batch


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_logits_and_losses_equal_coqui(models, count: int) -> None:
    theirs, ours = models
    clips = examples(count)
    text_ce, mel_ce, mel_logits = coqui_forward(theirs, clips)
    our_text, our_mel, logits, batch = our_forward(ours, clips)
    assert our_text.item() == pytest.approx(text_ce.item(), abs=1e-4)
    assert our_mel.item() == pytest.approx(mel_ce.item(), abs=1e-4)
    for i, clip in enumerate(clips):
        expected = mel_logits[i, :, : len(clip.codes) + 4].T
        torch.testing.assert_close(
            logits.audio[batch.audio_rows == i], expected, atol=1e-4, rtol=1e-4
        )


def test_the_longest_clip_has_a_position_for_each_token(models) -> None:
    _, ours = models
    limits = ours.clip_limits
    assert limits == (40, 59)  # XTTS-v2: 402 and 604
    clip = replace(examples(1)[0], text=np.full(limits[0], 3), codes=np.full(limits[1], 3))
    assert torch.isfinite(our_forward(ours, [clip])[1])
    with pytest.raises(IndexError):
        our_forward(ours, [replace(clip, codes=np.full(limits[1] + 1, 3))])


@pytest.mark.parametrize("recompute", ["none", "cheap", "all"])
def test_gradients_equal_coqui(models, recompute) -> None:
    theirs, ours = models
    clips = examples(5)
    theirs.zero_grad()
    ours.zero_grad()
    ours.recompute = recompute
    text_ce, mel_ce, _ = coqui_forward(theirs, clips)
    (0.01 * text_ce + mel_ce).backward()
    our_text, our_mel, _, _ = our_forward(ours, clips)
    (0.01 * our_text + our_mel).backward()
    ours.recompute = "none"
    gradients = dict(ours.named_parameters())
    compared = 0
    for name, parameter in theirs.named_parameters():
        if parameter.grad is None:
            assert gradients[name].grad is None, name
            continue
        difference = (gradients[name].grad - parameter.grad).norm()
        assert difference <= 1e-3 * parameter.grad.norm() + 1e-7, name
        compared += 1
    assert compared > 60


def test_coqui_mask_is_reproduced(models) -> None:
    theirs, ours = models
    clips = examples(4, span=(1, 3))
    _, mel_ce, _ = coqui_forward(theirs, clips)
    _, our_mel, _, _ = our_forward(ours, clips, "coqui")
    assert our_mel.item() == pytest.approx(mel_ce.item(), abs=1e-4)


def test_neighbours_and_padding_do_not_change_a_clip(models) -> None:
    _, ours = models
    alone, _, alone_logits, _ = our_forward(ours, examples(1))
    _, _, logits, batch = our_forward(ours, [*examples(1), *examples(5)[3:]])
    torch.testing.assert_close(
        logits.audio[batch.audio_rows == 0], alone_logits.audio, atol=1e-4, rtol=1e-4
    )
    assert alone.isfinite()


def test_text_stop_is_seen_when_asked(models) -> None:
    _, ours = models
    seeing = XttsGpt(text_stop_seen=True, **SIZE).eval()
    seeing.load_state_dict(ours.state_dict())
    clips = examples(2)
    _, blind_mel, blind, _ = our_forward(ours, clips)
    _, seen_mel, seen, _ = our_forward(seeing, clips)
    torch.testing.assert_close(seen.text, blind.text)  # it follows the text, so only audio sees it
    assert abs(seen_mel.item() - blind_mel.item()) > 1e-3


def test_dropout_is_configurable() -> None:
    model = XttsGpt(dropout=0.0, attention_dropout=0.0, **SIZE).train()
    first, _, _, _ = our_forward(model, examples(3))
    second, _, _, _ = our_forward(model, examples(3))
    assert first.item() == second.item()


def test_the_frames_of_a_prompt_are_heard_in_no_order(models: tuple[GPT, XttsGpt]) -> None:
    """Why a voice cannot follow the pace of its prompt (`syllable_rate`)."""
    theirs, ours = models
    mel = torch.randn(1, 80, FRAMES, generator=torch.Generator().manual_seed(0))
    shuffled = mel[..., torch.randperm(FRAMES, generator=torch.Generator().manual_seed(1))]
    latents = ours.prompt_latents(mel)
    apart = (ours.prompt_latents(mel + 0.5) - latents).abs().max()
    assert (ours.prompt_latents(shuffled) - latents).abs().max() < 0.001 * apart
    assert (theirs.get_style_emb(shuffled) - theirs.get_style_emb(mel)).abs().max() < 0.001 * apart


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
    half = Logits(logits.text.half(), logits.audio.half(), logits.hidden)
    assert clip_losses(half, batch).mel.dtype == torch.float32


def test_the_total_is_coquis() -> None:
    total = weighted_total(torch.tensor(2.34), torch.tensor(5.046), 0.01, 1.0)
    assert total.item() == pytest.approx(5.0694, abs=1e-4)  # the seed's 0.0234 + 5.046
