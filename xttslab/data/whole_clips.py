"""Recordings and the tokens of their texts in, batches of whole clips out: what the DVAE trains on.

Whole clips, since only they have a text; a little silence stands behind each, because every clip
is encoded with silence behind (`Codec.encode`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from xttslab.data.audio import SAMPLES_PER_CODE, code_count
from xttslab.data.sampler import Draw, LengthBuckets

SILENCE = 8  # codes of it behind a clip that are learned, too


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
