"""Pulses have the pitch and the harmonics that are asked for, and envelopes shape them."""

from __future__ import annotations

import math

import pytest
import torch

from xttslab.model.source_filter import SourceFilter, pulse_train

RATE, HOP, SIZE = 24_000, 256, 1024
QUIET = -30.0


def tones(wave: torch.Tensor) -> torch.Tensor:
    """Amplitudes at whole Hz of one second."""
    return torch.fft.rfft(wave[:RATE]).abs() / (RATE / 2)


@pytest.mark.parametrize("hertz", [60.0, 200.0, 480.0])
def test_pulses_have_harmonics_of_one_height_up_to_half_the_rate(hertz: float) -> None:
    wave = pulse_train(torch.full((1, 100), hertz), RATE, HOP)[0]
    heights = tones(wave)
    count = int(RATE / 2 / hertz)
    wanted = (2 / count) ** 0.5
    at = (hertz * torch.arange(1, count)).long()
    torch.testing.assert_close(heights[at], torch.full((count - 1,), wanted), rtol=0.02, atol=0)
    between = (at[:-1] + hertz / 2).long()
    assert heights[between].max() < 0.01 * wanted
    assert wave.square().mean().item() == pytest.approx(1.0, abs=0.05)


def test_a_minute_of_pulses_stays_in_tune() -> None:
    wave = pulse_train(torch.full((1, 60 * RATE // HOP), 150.0), RATE, HOP)[0]
    first, last = wave[: RATE // 10], wave[-RATE // 10 :]
    start = (len(wave) - len(last)) % (RATE // 150)
    torch.testing.assert_close(last[160 - start :][:2000], first[160:][:2000], rtol=0, atol=0.3)


def test_pitch_glides_between_frames() -> None:
    wave = pulse_train(torch.linspace(100, 300, 90)[None], RATE, HOP)[0]
    for second, hertz in ((0.1, 120.8), (0.5, 204.2), (0.85, 277.2)):
        part = wave[int(second * RATE) :][:700]
        shifted = torch.stack([part[lag : lag + 400] @ part[:400] for lag in range(70, 250)])
        assert RATE / (70 + shifted.argmax().item()) == pytest.approx(hertz, rel=0.05)


def envelope(level: float, frames: int = 94) -> torch.Tensor:
    return torch.full((1, frames, SIZE // 2 + 1), level)


def test_envelopes_shape_pulses_and_noise() -> None:
    source = SourceFilter(RATE, SIZE, HOP).eval()
    pitch, still = torch.full((1, 94), 200.0), torch.zeros(1, 94, SIZE // 2 + 1)
    low = envelope(QUIET)
    low[..., : SIZE // 8] = math.log(0.1)  # up to 3 kHz
    voiced = source(pitch, low, envelope(QUIET), still)[0]
    assert voiced.shape == (94 * HOP,)
    heights = tones(voiced)
    assert heights[2000].item() == pytest.approx(0.1 * (2 / 60) ** 0.5, rel=0.05)
    assert heights[6000].item() < 0.001 * heights[2000].item()
    hiss = source(pitch, envelope(QUIET), envelope(math.log(0.1)), still)[0]
    assert hiss.std().item() == pytest.approx(0.1, rel=0.1)


def test_noise_is_new_in_training_and_the_same_in_speaking() -> None:
    source = SourceFilter(RATE, SIZE, HOP)
    inputs = (torch.full((1, 20), 200.0), *(envelope(-3.0, 20) for _ in range(2)))
    still = torch.zeros(1, 20, SIZE // 2 + 1)
    assert not torch.equal(source(*inputs, still), source(*inputs, still))
    source.eval()
    torch.testing.assert_close(source(*inputs, still), source(*inputs, still), rtol=0, atol=0)


def test_gradients_reach_both_envelopes_and_the_turn() -> None:
    source = SourceFilter(RATE, SIZE, HOP)
    shapes = [
        torch.full((2, 12, SIZE // 2 + 1), value, requires_grad=True) for value in (-3.0, -3.0, 0.1)
    ]
    source(torch.full((2, 12), 180.0), *shapes).square().mean().backward()
    assert all(part.grad.abs().max() > 0 for part in shapes)
    assert all(torch.isfinite(part.grad).all() for part in shapes)
