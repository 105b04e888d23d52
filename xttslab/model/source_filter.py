"""A source-filter model of speech: pitch and envelopes of frames (B, F, bins) to waves (B, N).

A band-limited pulse train at the pitch and white noise, each shaped by an envelope in the
short-time Fourier domain (harmonic plus noise, as in DDSP, arXiv 2001.04643). The pulses bring the
phases that a network would have to learn otherwise; envelopes are smooth and learned in minutes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOUDEST = math.log(1e2)  # of an envelope, so that early training stays finite
LOWEST_HZ = 40.0  # lower than any voice: what is unvoiced must not divide by zero
_ON_PULSE = 1e-4  # sine of the half turn, below which the closed form is its limit


class SourceFilter(nn.Module):
    """Frames of pitch and envelopes to waves.

    Args:
        rate: samples a second.
        size: of the Fourier transform and its Hann window.
        hop: samples of a frame.
    """

    def __init__(self, rate: int, size: int, hop: int) -> None:
        super().__init__()
        self.rate, self.size, self.hop = rate, size, hop
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, pitch: Tensor, harmonic: Tensor, noise: Tensor, turn: Tensor) -> Tensor:
        """Waves (B, hop · F) of pitch (B, F) in Hz, log envelopes (B, F, size / 2 + 1) of pulses
        and noise, and the angle (B, F, size / 2 + 1) by which the pulses' phases are turned."""
        return self.filtered(*self.sources(pitch), harmonic, noise, turn)

    def sources(self, pitch: Tensor) -> tuple[Tensor, Tensor]:
        """Pulses and white noise (B, hop · F) for pitch (B, F)."""
        pulses = pulse_train(pitch, self.rate, self.hop)
        return pulses, self._noise(pulses)

    def filtered(
        self, pulses: Tensor, hiss: Tensor, harmonic: Tensor, noise: Tensor, turn: Tensor
    ) -> Tensor:
        """Pulses and white noise (B, hop · F), each shaped by its envelope as in `forward`."""
        voiced, unvoiced = self._spectrum(pulses), self._spectrum(hiss)
        gain = _frames(harmonic).clamp(max=LOUDEST).exp()
        level = _frames(noise).clamp(max=LOUDEST).exp()
        spectrum = voiced * torch.polar(gain, _frames(turn)) + unvoiced * level
        return torch.istft(
            spectrum, self.size, self.hop, window=self.window, length=pulses.shape[-1]
        )

    def _noise(self, like: Tensor) -> Tensor:
        """White noise of power 1: in evaluation always the same, so that speech repeats."""
        if self.training:
            return torch.randn_like(like)
        source = torch.Generator().manual_seed(0)
        return torch.randn(like.shape[-1], generator=source).to(like).expand_as(like)

    def _spectrum(self, wave: Tensor) -> Tensor:
        return torch.stft(wave, self.size, self.hop, window=self.window, return_complex=True)


def pulse_train(pitch: Tensor, rate: int, hop: int) -> Tensor:
    """Pitch (B, F) in Hz, one value a frame of `hop` samples, to waves (B, hop · F) of power 1.

    All harmonics below half the rate as cosines of one height; their sum in closed form (the
    Dirichlet kernel): sum of cos kφ for k = 1 … n is (sin((n + ½)φ) / sin(φ / 2) − 1) / 2.
    """
    frequency = F.interpolate(
        pitch.clamp(min=LOWEST_HZ)[:, None], scale_factor=float(hop), mode="linear"
    )[:, 0]
    # In double precision where there is one: a minute has tens of thousands of turns.
    exact = torch.float32 if pitch.device.type == "mps" else torch.float64
    half = math.pi * (frequency.to(exact).cumsum(-1) / rate).remainder(1.0).float()
    harmonics = (rate / 2 / frequency).floor()
    sine = half.sin()
    on_pulse = sine.abs() < _ON_PULSE
    kernel = ((2 * harmonics + 1) * half).sin() / sine.masked_fill(on_pulse, 1.0)
    total = torch.where(on_pulse, 2 * harmonics + 1, kernel)
    return (total - 1) / (2 * harmonics).sqrt()


def _frames(values: Tensor) -> Tensor:
    """Frame values (B, F, bins) for the F + 1 columns (B, bins, F + 1) of a centred transform."""
    return F.pad(values.float().transpose(1, 2), (0, 1), mode="replicate")
