"""Datasets of audio segments for the decoder and of whole clips for the DVAE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE, code_count, read_audio
from xttslab.data.parallel import run_all
from xttslab.data.pitch import NO_PITCH, Pitch, track_pitch
from xttslab.data.sampler import Draw, LengthBuckets

SILENCE = 8  # codes of it behind a clip that are learned, too
RECORDINGS_PER_TASK = 64  # of a worker: a small set needs no workers


class PitchedRecording(NamedTuple):
    """A recording at the decoder's rate and at 22,050 Hz (int16), and its pitch."""

    speech: np.ndarray
    wave: np.ndarray
    pitch: Pitch


def read_recordings(
    paths: Sequence[Path], rate: int, pitch: bool, cores: int
) -> Iterator[PitchedRecording]:
    """Every recording at `rate` and at 22,050 Hz, in order, with its pitch if asked.

    `cores` processes work, for pitch takes a hundredth of the recordings' own time: minutes for
    hours of them. Raises AudioFault as `read_audio` does.
    """
    size = RECORDINGS_PER_TASK
    groups = [paths[first : first + size] for first in range(0, len(paths), size)]
    for read in run_all(partial(_read, rate=rate, pitch=pitch), groups, cores, "recordings"):
        yield from read


def _read(paths: Sequence[Path], rate: int, pitch: bool) -> list[PitchedRecording]:
    recordings = []
    for path in paths:
        speech = read_audio(path, rate)
        wave = read_audio(path, SAMPLE_RATE)
        found = track_pitch(speech, rate) if pitch else NO_PITCH
        recordings.append(PitchedRecording(_int16(speech), _int16(wave), found))
    return recordings


def _int16(wave: np.ndarray) -> np.ndarray:
    return (np.clip(wave, -1, 1) * 32767).astype(np.int16)


class SegmentOrder(Sampler[tuple[int, float]]):
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
class LatentClip:
    """What the decoder learns from: a clip's GPT latents (T + 1, D) float16, its recording at
    24 kHz and at 22,050 Hz (int16), its pitch, and the number of its voice."""

    latents: np.ndarray
    speech: np.ndarray
    wave: np.ndarray
    pitch: Pitch
    voice: int


class SegmentBatch(NamedTuple):
    """A batch of segments. N is at 24 kHz; the other two at 22,050 Hz."""

    latents: Tensor  # (B, T, D)
    wave: Tensor  # (B, N) what they sound like
    pitch: Tensor  # (B, F) in Hz at the middles of frames of `hop` samples, 0 where unvoiced
    reference: Tensor  # (B, M) of another clip of the voice
    own: Tensor  # (B, M) of the same clip
    voice: Tensor  # (B,)


class DecoderSegments(Dataset[SegmentBatch]):
    """Segments of `codes` rows of latents; an item's key is (row, random number).

    Args:
        clips: all clips; those of a voice serve as each other's reference.
        rows: the clips that segments are taken from; keys count within them.
        reference_samples: length of the references at 22,050 Hz; shorter clips are repeated.
        hop: samples at 24 kHz from one pitch to the next.
    """

    def __init__(
        self,
        clips: Sequence[LatentClip],
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

    def __getitem__(self, key: tuple[int, float]) -> SegmentBatch:
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
        wave = _segment(speech, start, round(self.codes * SAMPLES_PER_CODE * self.ratio))
        others = [other for other in self.voices[clip.voice] if other != row] or [row]
        other = self.clips[others[random.integers(len(others))]].wave
        return SegmentBatch(
            torch.from_numpy(latents),
            wave,
            self._pitch(clip, start, len(wave)),
            self._reference(other, random),
            self._reference(clip.wave, random),
            torch.tensor(clip.voice),
        )

    def _pitch(self, clip: LatentClip, start: int, samples: int) -> Tensor:
        middles = start + self.hop * (np.arange(samples // self.hop) + 0.5)
        return torch.from_numpy(clip.pitch.at(middles / self.rate))

    def _reference(self, wave: np.ndarray, random: np.random.Generator) -> Tensor:
        times = -(-self.reference_samples // len(wave))
        longer = np.tile(wave, times) if times > 1 else wave
        start = int(random.integers(len(longer) - self.reference_samples + 1))
        return _segment(longer, start, self.reference_samples)


def _segment(wave: np.ndarray, start: int, samples: int) -> Tensor:
    """Samples of an int16 recording as floats, silence behind its end."""
    segment = np.zeros(samples, dtype=np.float32)
    found = wave[start : start + samples]
    segment[: len(found)] = found / np.float32(32768)
    return torch.from_numpy(segment)


class WholeClip(NamedTuple):
    """A recording (n,) at 22,050 Hz and the tokens (T,) of its text."""

    wave: np.ndarray
    tokens: np.ndarray

    @property
    def codes(self) -> int:
        """Codes of the clip and the silence behind it."""
        return code_count(len(self.wave)) + SILENCE


class ClipBatch(NamedTuple):
    """B clips; what lies behind `codes` is padding."""

    wave: Tensor  # (B, N) 22,050 Hz, whole codes long
    codes: Tensor  # (B,) of each clip, its silence included
    tokens: Tensor  # (ΣT,) of all texts, one after another
    token_counts: Tensor  # (B,)


class WholeClips(Dataset[list[WholeClip]]):
    """The clips of a batch by the sampler's draw."""

    def __init__(self, clips: Sequence[WholeClip]) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitems__(self, draw: Draw) -> list[WholeClip]:
        return [self.clips[position] for position in draw.positions]


def pack(clips: Sequence[WholeClip]) -> ClipBatch:
    """Clips side by side, padded with silence to the longest."""
    codes = torch.tensor([clip.codes for clip in clips])
    wave = torch.zeros(len(clips), int(codes.max()) * SAMPLES_PER_CODE)
    for row, clip in zip(wave, clips, strict=True):
        row[: len(clip.wave)] = torch.from_numpy(clip.wave)
    tokens = np.concatenate([clip.tokens for clip in clips]).astype(np.int64)
    counts = torch.tensor([len(clip.tokens) for clip in clips])
    return ClipBatch(wave, codes, torch.from_numpy(tokens), counts)


def clip_loaders(
    trained: Sequence[WholeClip],
    held_out: Sequence[WholeClip],
    batch_codes: int,
    passes: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
) -> tuple[DataLoader, DataLoader]:
    """A training loader of batches of at most `batch_codes` codes that gives every clip `passes`
    times an epoch, dealt out to `world` devices, and an evaluation loader that gives each once, on
    every device, always in the same order. A clip longer than `batch_codes` is its own batch.
    """
    dealt = LengthBuckets(
        [clip.codes for clip in trained],
        max_tokens=batch_codes,
        expected=np.full(len(trained), float(passes)),
        seed=seed,
        rank=rank,
        world=world,
    )
    fixed = LengthBuckets([clip.codes for clip in held_out], max_tokens=batch_codes)
    return _loader(trained, dealt), _loader(held_out, list(fixed))


def _loader(clips: Sequence[WholeClip], batches: Iterable[Draw]) -> DataLoader:
    return DataLoader(WholeClips(clips), batch_sampler=batches, collate_fn=pack)
