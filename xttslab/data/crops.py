"""Clips in, batches of equally long random cuts out: what the decoder trains on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from xttslab.data.audio import SAMPLES_PER_CODE
from xttslab.data.pitch import Pitch


class CropOrder(Sampler[tuple[int, float]]):
    """Every clip `repeats` times an epoch, in an order and at places that seed and epoch decide,
    dealt out to `world` devices.

    With `fixed`, always the same places in the same order: for evaluation.
    """

    def __init__(
        self,
        rows: int,
        repeats: int,
        seed: int,
        fixed: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.repeats, self.seed, self.fixed = rows, repeats, seed, fixed
        self.rank, self.world = rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows * self.repeats // self.world

    def __iter__(self) -> Iterator[tuple[int, float]]:
        random = np.random.default_rng((self.seed, 0 if self.fixed else self.epoch))
        order = np.tile(np.arange(self.rows), self.repeats)
        if not self.fixed:
            random.shuffle(order)
        keys = list(zip(order.tolist(), random.random(len(order)).tolist(), strict=True))
        yield from keys[self.rank :: self.world][: len(self)]  # as many on every device


@dataclass(frozen=True)
class SpokenClip:
    """What the decoder learns from: a clip's GPT latents (T + 1, D) float16, its recording at
    24 kHz and at 22,050 Hz (int16), its pitch, and the number of its voice."""

    latents: np.ndarray
    speech: np.ndarray
    wave: np.ndarray
    pitch: Pitch
    voice: int


class DecoderCut(NamedTuple):
    """A batch of cuts. N is at 24 kHz; the other two at 22,050 Hz."""

    latents: Tensor  # (B, T, D)
    wave: Tensor  # (B, N) what they sound like
    pitch: Tensor  # (B, F) in Hz at the middles of frames of `hop` samples, 0 where unvoiced
    reference: Tensor  # (B, M) of another clip of the voice
    own: Tensor  # (B, M) of the same clip
    voice: Tensor  # (B,)


class DecoderCrops(Dataset[DecoderCut]):
    """Cuts of `codes` rows of latents; an item's key is (row, random number).

    Args:
        clips: all clips; those of a voice serve as each other's reference.
        rows: the clips that are cut; keys count within them.
        reference_samples: length of the references at 22,050 Hz; shorter clips are repeated.
        hop: samples at 24 kHz from one pitch to the next.
    """

    def __init__(
        self,
        clips: Sequence[SpokenClip],
        rows: Sequence[int],
        codes: int,
        reference_samples: int,
        hop: int,
        rates: tuple[int, int] = (22_050, 24_000),
    ) -> None:
        self.clips, self.rows = clips, rows
        self.codes, self.reference_samples, self.hop = codes, reference_samples, hop
        self.rate, self.ratio = rates[1], rates[1] / rates[0]
        self.voices: dict[int, list[int]] = {}
        for row, clip in enumerate(clips):
            self.voices.setdefault(clip.voice, []).append(row)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, float]) -> DecoderCut:
        row, chance = self.rows[key[0]], key[1]
        clip = self.clips[row]
        random = np.random.default_rng(int(chance * 2**53))
        first = int(random.integers(max(1, len(clip.latents) - self.codes + 1)))
        latents = np.zeros((self.codes, clip.latents.shape[1]), dtype=np.float32)
        found = clip.latents[first : first + self.codes]
        latents[: len(found)] = found
        start = round(first * SAMPLES_PER_CODE * self.ratio)
        # What lies past the end of the latents is silence in both.
        speech = clip.speech[: round(len(clip.latents) * SAMPLES_PER_CODE * self.ratio)]
        wave = _cut(speech, start, round(self.codes * SAMPLES_PER_CODE * self.ratio))
        others = [other for other in self.voices[clip.voice] if other != row] or [row]
        other = self.clips[others[random.integers(len(others))]].wave
        return DecoderCut(
            torch.from_numpy(latents),
            wave,
            self._pitch(clip, start, len(wave)),
            self._reference(other, random),
            self._reference(clip.wave, random),
            torch.tensor(clip.voice),
        )

    def _pitch(self, clip: SpokenClip, start: int, samples: int) -> Tensor:
        middles = start + self.hop * (np.arange(samples // self.hop) + 0.5)
        return torch.from_numpy(clip.pitch.at(middles / self.rate))

    def _reference(self, wave: np.ndarray, random: np.random.Generator) -> Tensor:
        times = -(-self.reference_samples // len(wave))
        longer = np.tile(wave, times) if times > 1 else wave
        start = int(random.integers(len(longer) - self.reference_samples + 1))
        return _cut(longer, start, self.reference_samples)


def _cut(wave: np.ndarray, start: int, samples: int) -> Tensor:
    """Samples of an int16 recording as floats, silence behind its end."""
    cut = np.zeros(samples, dtype=np.float32)
    found = wave[start : start + samples]
    cut[: len(found)] = found / np.float32(32768)
    return torch.from_numpy(cut)
