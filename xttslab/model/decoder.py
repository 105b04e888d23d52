"""XTTS's HiFi-GAN and a small decoder: hidden states of the GPT (B, T, D) to waves (B, 1, N).

The small one steers a pulse train and noise (`source_filter`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder

from xttslab.data.audio import FRAMES_PER_CODE, MEL_BINS, SAMPLE_RATE
from xttslab.model.codec import MelSpectrogram
from xttslab.model.source_filter import SourceFilter

SPEECH_RATE = 24_000  # of the waveforms that both decoders make
EMBEDDER_RATE = 16_000  # of XTTS-v2's speaker encoder
FFT, HOP = 1024, 256
TYPICAL_HZ = 170.0  # an untrained decoder's pitch
LOG_PITCH = (math.log(50.0), math.log(700.0))
QUIET = 0.003  # an untrained decoder's envelopes: nearly silent, so that learning starts gently
Distances = Mapping[str, Tensor]  # scalars of a training step by name


class Decoder(Protocol):
    """What turns the GPT's hidden states into sound: XTTS's HiFi-GAN or the small one."""

    follows_pitch: bool  # whether it has a pitch of its own, which training teaches

    def frames(self, latents: Tensor) -> Tensor:
        """Latents (B, T, D), linearly stretched to the waveform's frames (B, C, F)."""
        ...

    def __call__(self, latents: Tensor, g: Tensor) -> Tensor:
        """Latents (B, T, D) and speaker embeddings (B, S, 1) to waveforms (B, 1, N) at 24 kHz."""
        ...

    def training_forward(
        self, latents: Tensor, g: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Distances]:
        """In training: the waveforms as if at `pitch` (B, F) in Hz, 0 where unvoiced, and how far
        the decoder's own idea of it was."""
        ...

    def embed_speaker(self, wave: Tensor) -> Tensor:
        """Reference waves (B, N) at 22,050 Hz to speaker embeddings (B, S, 1)."""
        ...


class XttsDecoder(HifiDecoder):
    """Coqui's HiFi-GAN and speaker encoder under their own parameter names."""

    follows_pitch = False

    def frames(self, latents: Tensor) -> Tensor:
        """Latents (B, T, D) as frames of the waveform's rate, (B, D, F), as Coqui's `forward`."""
        inner = self.ar_mel_length_compression / self.output_hop_length
        rate = self.output_sample_rate / self.input_sample_rate
        spread = F.interpolate(latents.transpose(1, 2), scale_factor=inner, mode="linear")
        return F.interpolate(spread, scale_factor=rate, mode="linear") if rate != 1 else spread

    def training_forward(
        self, latents: Tensor, g: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Distances]:
        """HiFi-GAN has no pitch of its own: only the waveforms."""
        return self(latents, g=g), {}

    def embed_speaker(self, wave: Tensor) -> Tensor:
        """Reference waves (B, N) at 22,050 Hz to L2-normalised embeddings (B, 512, 1)."""
        audio = torchaudio.functional.resample(wave, SAMPLE_RATE, EMBEDDER_RATE)
        return self.speaker_encoder.forward(audio, l2_norm=True).unsqueeze(-1)


class MiniDecoder(nn.Module):
    """A source behind filters with its own small speaker encoder.

    Args:
        latent_dim: width of the GPT.
        width, blocks: of the ConvNeXt trunk.
        speaker_dim: length of the speaker embedding.
        speaker_width: channels of the speaker encoder.
    """

    follows_pitch = True

    def __init__(
        self,
        latent_dim: int = 256,
        width: int = 256,
        blocks: int = 8,
        speaker_dim: int = 128,
        speaker_width: int = 160,
    ) -> None:
        super().__init__()
        self.speaker_encoder = SpeakerEncoder(speaker_dim, speaker_width)
        self.spread = nn.Linear(latent_dim, FRAMES_PER_CODE * width)
        self.first = nn.Conv1d(width, width, kernel_size=7, padding=3)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.blocks = nn.ModuleList(ConvNextBlock(width, speaker_dim) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(width, eps=1e-6)
        self.pitch = nn.Linear(width, 1)
        self.envelopes = nn.Linear(width, 3 * (FFT // 2 + 1))
        self.source = SourceFilter(SPEECH_RATE, FFT, HOP)
        nn.init.zeros_(self.pitch.weight)
        nn.init.constant_(self.pitch.bias, math.log(TYPICAL_HZ))
        nn.init.normal_(self.envelopes.weight, std=0.01)
        nn.init.constant_(self.envelopes.bias, math.log(QUIET))
        nn.init.zeros_(self.envelopes.bias[-(FFT // 2 + 1) :])

    def embed_speaker(self, wave: Tensor) -> Tensor:
        """Reference waves (B, N) at 22,050 Hz to L2-normalised embeddings (B, S, 1)."""
        return self.speaker_encoder(wave).unsqueeze(-1)

    def forward(self, latents: Tensor, g: Tensor) -> Tensor:
        """Latents (B, T, D) and embeddings (B, S, 1) to waveforms (B, 1, N).

        N is as in XTTS-v2: floor(4 · T · 24,000 / 22,050) frames of 256 samples.
        """
        hidden = self.hidden(self.frames(latents), g)
        return self.source(*self.controls(hidden)).unsqueeze(1)

    def training_forward(
        self, latents: Tensor, g: Tensor, pitch: Tensor
    ) -> tuple[Tensor, Distances]:
        """The waveforms at the recording's pitch (B, F), so that harmonics can be compared, and the
        mean distance of the predicted pitch in nats where there is one (.06 is a semitone)."""
        hidden = self.hidden(self.frames(latents), g)
        found = self._log_pitch(hidden)  # (B, F)
        pitch = F.pad(pitch, (0, max(0, found.shape[1] - pitch.shape[1])))[:, : found.shape[1]]
        voiced = pitch > 0
        distance = (found - pitch.clamp(min=1.0).log()).abs()
        error = (distance * voiced).sum() / voiced.sum().clamp(min=1)
        taught = torch.where(voiced, pitch, found.detach().exp())
        return self.source(taught, *self._envelopes(hidden)).unsqueeze(1), {"pitch": error}

    def frames(self, latents: Tensor) -> Tensor:
        """Latents (B, T, D) as frames of the waveform's rate, (B, width, F)."""
        batch, codes, _ = latents.shape
        spread = self.spread(latents).view(batch, codes * FRAMES_PER_CODE, -1).transpose(1, 2)
        # By the factor, not to a size: a frame's time must not depend on where the input ends.
        return F.interpolate(spread, scale_factor=SPEECH_RATE / SAMPLE_RATE, mode="linear")

    def hidden(self, frames: Tensor, g: Tensor) -> Tensor:
        """What the trunk makes of frames (B, width, F) and speaker embeddings: (B, F, width)."""
        hidden = self.norm(self.first(frames).transpose(1, 2))
        speaker = g.squeeze(-1)
        for block in self.blocks:
            hidden = block(hidden, speaker)
        return self.last_norm(hidden)

    def controls(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What steers the source: the pitch (B, F) in Hz and the three envelopes (B, F, bins)."""
        return self._log_pitch(hidden).exp(), *self._envelopes(hidden)

    def _log_pitch(self, hidden: Tensor) -> Tensor:
        return self.pitch(hidden).squeeze(-1).float().clamp(*LOG_PITCH)  # (B, F)

    def _envelopes(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        harmonic, noise, turn = self.envelopes(hidden).float().chunk(3, dim=-1)
        return harmonic, noise, turn


class ConvNextBlock(nn.Module):
    """A ConvNeXt block over time (B, F, C), its norm scaled and shifted by the speaker."""

    def __init__(self, width: int, speaker_dim: int, expansion: int = 3) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.style = nn.Linear(speaker_dim, 2 * width)
        self.wider = nn.Linear(width, expansion * width)
        self.back = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.125))
        nn.init.zeros_(self.style.weight)
        nn.init.zeros_(self.style.bias)

    def forward(self, hidden: Tensor, speaker: Tensor) -> Tensor:
        """Hidden (B, F, C), speaker (B, S)."""
        mixed = self.mix(hidden.transpose(1, 2)).transpose(1, 2)
        gain, shift = self.style(speaker).unsqueeze(1).chunk(2, dim=-1)  # (B, 1, C)
        mixed = self.norm(mixed) * (1 + gain) + shift
        return hidden + self.scale * self.back(F.gelu(self.wider(mixed)))


class SpeakerEncoder(nn.Module):
    """Waves (B, N) at 22,050 Hz to unit vectors (B, S): log mel, convolutions, and the mean and
    deviation over time weighted by attention (attentive statistics pooling, arXiv 1803.10963)."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            SAMPLE_RATE, n_fft=FFT, hop_length=HOP, f_max=8000, n_mels=MEL_BINS, norm="slaney"
        )
        sizes = [(MEL_BINS, width, 2, 1), (width, width, 2, 1), (width, width, 1, 2)]
        sizes.append((width, width, 1, 4))
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, after, 5, stride, padding=2 * dilation, dilation=dilation),
                nn.GroupNorm(1, after),
                nn.GELU(),
            )
            for before, after, stride, dilation in sizes
        )
        self.attention = nn.Conv1d(width, width, 1)
        self.out = nn.Linear(2 * width, dim)

    def forward(self, wave: Tensor) -> Tensor:
        """Level does not matter: the log mel's mean over time and bands is taken away."""
        mel = self.mel(wave).clamp(min=1e-5).log()
        hidden = (mel - mel.mean(dim=(1, 2), keepdim=True)) / 4
        for layer in self.layers:
            hidden = layer(hidden)
        weight = self.attention(hidden).softmax(dim=-1)  # (B, C, F)
        mean = (weight * hidden).sum(-1)
        deviation = ((weight * hidden.pow(2)).sum(-1) - mean.pow(2)).clamp(min=1e-6).sqrt()
        return F.normalize(self.out(torch.cat([mean, deviation], dim=-1)), dim=-1)
