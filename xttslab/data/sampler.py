"""Samples training batches: clips drawn by category, bucketed by length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from xttslab.data.balance import draw

WINDOW = 32  # batches within which clips are sorted by length: little padding, still random


@dataclass(frozen=True)
class Draw:
    """One batch of one device: every `world`-th clip of the batch of all devices, from `rank` on;
    `epoch` and `number` say where in the run, to seed the prompts."""

    epoch: int
    number: int
    of_all_devices: list[int]
    rank: int = 0
    world: int = 1

    @property
    def positions(self) -> list[int]:
        """The clips of this device."""
        return self.of_all_devices[self.rank :: self.world]


class LengthBuckets(Sampler[Draw]):
    """Batches of clip numbers, shuffled anew each epoch and the same for the same seed.

    Args:
        lengths: packed length of each clip in tokens.
        clips: clips per device and batch, or 0 to fill `max_tokens` instead.
        max_tokens: largest padded size (clips × longest) of a device's batch, 0 for no limit.
        expected: how often each clip is seen in an epoch (None: exactly once).
        seed, rank, world: batches are made for all devices together and dealt out, so that
            `world` devices see what one device with `world` × `clips` would.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        clips: int = 0,
        max_tokens: int = 0,
        expected: np.ndarray | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.clips, self.max_tokens = clips, max_tokens
        self.expected = np.ones(len(lengths)) if expected is None else expected
        self.seed, self.rank, self.world = seed, rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._global_batches())

    def __iter__(self) -> Iterator[Draw]:
        for number, batch in enumerate(self._global_batches()):
            yield Draw(self.epoch, number, batch, self.rank, self.world)

    def _global_batches(self) -> list[list[int]]:
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(draw(self.expected, random))
        typical = self.clips or max(1, self.max_tokens // int(self.lengths.mean()))
        window = WINDOW * typical * self.world
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            batches += self._cut(part[np.argsort(self.lengths[part], kind="stable")])
        batches = self._fill_last(batches)
        return [batches[i] for i in random.permutation(len(batches))]

    def _cut(self, ordered: np.ndarray) -> list[list[int]]:
        batches: list[list[int]] = [[]]
        for clip in ordered.tolist():
            if batches[-1] and self._full(len(batches[-1]) + 1, int(self.lengths[clip])):
                batches.append([])
            batches[-1].append(clip)
        return batches

    def _full(self, count: int, longest: int) -> bool:
        per_device = -(-count // self.world)
        over_clips = self.clips > 0 and per_device > self.clips
        return over_clips or (self.max_tokens > 0 and per_device * longest > self.max_tokens)

    def _fill_last(self, batches: list[list[int]]) -> list[list[int]]:
        """No device may get an empty batch: clips of too small a batch join their neighbour."""
        filled: list[list[int]] = []
        for batch in batches:
            if filled and len(batch) < self.world:
                filled[-1] += batch
            else:
                filled.append(batch)
        return filled
