"""Decodes a sentence while the GPT still speaks it, with exactly the samples of the whole sentence.

A decoder's sample depends on the frames around it, as far as its receptive field reaches: it is
made once that many frames behind it are certain. Latents are stretched in one piece, and what is
needed of earlier frames is kept, so that every chunk lies on the whole sentence's grid and needs no
cross-fade.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from xttslab.data.audio import FRAMES_PER_CODE, SAMPLE_RATE
from xttslab.model.decoder import (
    HOP,
    SPEECH_RATE,
    Decoder,
    MiniDecoder,
    XttsDecoder,
)
from xttslab.model.hifigan_frames import HifiganFrames
from xttslab.model.sampling import Generated
from xttslab.model.voice import (
    CERTAIN,
    Speaking,
    finished_at,
    sounding_until,
    stretched,
)

FIRST_FRAMES = 6  # 64 ms: the first chunk; each has twice as many new frames as the one before
LARGEST_FRAMES = 140  # 1.5 s
_COLUMNS = 4  # frames on each side that a short-time Fourier transform of 4 hops needs


class FrameDecoder(Protocol):
    """Decodes frames (1, C, F) piecewise; `reach` frames on both sides decide a frame's samples."""

    reach: int

    def wave(self, frames: Tensor, start: int, stop: int, length: int) -> Tensor:
        """Samples (n,) of frames `start` to `stop`, which follow those of the call before; the
        sound ends at frame `length`, or goes on where that is unknown yet."""
        ...


class SourceFilterFrames:
    """The small decoder, frame by frame: the trunk's convolutions reach some frames, the pulses'
    phase is counted from the first frame on, and the filters overlap."""

    def __init__(self, decoder: MiniDecoder, speaker: Tensor) -> None:
        self.decoder, self.speaker = decoder, speaker
        convolutions = [decoder.first, *(block.mix for block in decoder.blocks)]
        self.trunk = sum(one.kernel_size[0] // 2 for one in convolutions)
        self.reach = self.trunk + _COLUMNS
        self._controls: list[Tensor] = []  # pitch (1, F), and envelopes (1, F, bins) of the end
        self._known = 0  # frames whose controls were computed

    def wave(self, frames: Tensor, start: int, stop: int, length: int) -> Tensor:
        """See `FrameDecoder`."""
        until = min(stop + _COLUMNS, length)
        self._extend(frames, until, length)
        first = max(0, start - _COLUMNS)
        pitch, *envelopes = self._controls
        pulses, hiss = self.decoder.source.sources(pitch)
        kept = envelopes[0].shape[1]
        shapes = [one[:, kept - (until - first) :] for one in envelopes]
        samples = slice(first * HOP, until * HOP)
        wave = self.decoder.source.filtered(pulses[:, samples], hiss[:, samples], *shapes)
        self._controls = [pitch, *(one[:, -(2 * _COLUMNS) :] for one in envelopes)]
        return wave.flatten()[(start - first) * HOP : (stop - first) * HOP]

    def _extend(self, frames: Tensor, until: int, length: int) -> None:
        """Compute the controls of the frames up to `until`."""
        if until <= self._known:
            return
        first = max(0, self._known - self.trunk)
        part = frames[:, :, first : min(until + self.trunk, length)]
        hidden = self.decoder.hidden(part, self.speaker)[:, self._known - first : until - first]
        new = self.decoder.controls(hidden)
        old = self._controls or [one[:, :0] for one in new]
        self._controls = [torch.cat(pair, dim=1) for pair in zip(old, new, strict=True)]
        self._known = until


def settled(count: int, scale: float) -> int:
    """How many places of `count` values that are linearly stretched by `scale` will not change when
    more values follow: those that lie before the last value's middle."""
    return max(0, math.floor((count - 0.5) * scale - 0.5) + 1)


class WaveStream:
    """The waveform of one sentence, chunk by chunk.

    Args:
        decoder: of the voice.
        speaker: its embedding (S, 1).
        speed: stretches time as `Speaking.speed`.
    """

    def __init__(self, decoder: Decoder, speaker: Tensor, speed: float = 1.0) -> None:
        self.decoder, self.speed = decoder, speed
        kind = HifiganFrames if isinstance(decoder, XttsDecoder) else SourceFilterFrames
        self._frames: FrameDecoder = kind(decoder, speaker[None])
        self._done = 0  # frames that were given away
        self._wanted = FIRST_FRAMES

    def ready(self, codes: int) -> bool:
        """Whether so many latents give as much new sound as the next chunk is to have."""
        return self._final(codes) - self._done >= self._wanted

    @torch.no_grad()
    def push(self, latents: Tensor, last: bool) -> Tensor:
        """The samples (n,) at 24 kHz that are certain now, after those of the calls before.

        `latents` (T, D) are all of the sentence so far; `last`: no more will come.
        """
        frames = self.decoder.frames(stretched(latents[None].float(), self.speed))  # (1, C, F)
        length = frames.shape[2]
        stop = length if last else min(length, self._final(len(latents)))
        if stop <= self._done:
            return latents.new_zeros(0, dtype=torch.float32)
        wave = self._frames.wave(frames, self._done, stop, length if last else length + 1)
        self._done = stop
        self._wanted = min(2 * self._wanted, LARGEST_FRAMES)
        return wave.float()

    def _final(self, codes: int) -> int:
        """How many frames' samples no later latent can change."""
        inner = codes if self.speed == 1.0 else settled(codes, 1.0 / self.speed)
        inner = settled(inner, FRAMES_PER_CODE)
        return max(0, settled(inner, SPEECH_RATE / SAMPLE_RATE) - self._frames.reach)


class SentenceStream:
    """The speech of one sentence while its codes are chosen, ending where `Voice.decode` would end.

    A pause at the end so far is kept back until sound follows it. Where the sentence turns out to
    be over, what comes behind is not given; "loud" is by what was heard so far.
    """

    def __init__(self, decoder: Decoder, speaker: Tensor, settings: Speaking) -> None:
        self.wave = WaveStream(decoder, speaker, settings.speed)
        self.trim = settings.trim_babble
        self.over = False
        self._heard = np.zeros(0, np.float32)
        self._given = 0

    def ready(self, codes: int) -> bool:
        """Whether so many codes are worth a call of `push`."""
        return self.wave.ready(codes)

    def push(self, spoken: Generated, last: bool) -> np.ndarray:
        """New samples (n,) float32 at 24 kHz; `spoken` is all of the sentence so far. Afterwards
        `over` tells whether the sentence is finished, by `last` or by how it sounds."""
        latents, chance = spoken.latents, spoken.stop_chance
        self.over = last or (self.trim and bool((chance >= CERTAIN).any()))
        if self.trim and self.over:
            kept = finished_at(spoken) + 1
            latents, chance = latents[:kept], chance[:kept]
        new = self.wave.push(latents, self.over).cpu().numpy()
        self._heard = np.concatenate([self._heard, new])
        until = len(self._heard)
        if self.trim:
            until = self._sounding(chance.float().cpu().numpy())
        given = self._heard[self._given : until]
        self._given = max(self._given, until)
        return given

    def _sounding(self, chance: np.ndarray) -> int:
        """Up to where what was decoded is worth hearing."""
        samples = SPEECH_RATE / SAMPLE_RATE * FRAMES_PER_CODE * HOP / self.wave.speed  # of a code
        codes = len(chance) if self.over else min(len(chance), int(len(self._heard) / samples))
        if not codes:
            return 0
        known = self._heard if self.over else self._heard[: int(codes * samples)]
        until, finished = sounding_until(known, chance[:codes])
        self.over = self.over or finished
        return until
