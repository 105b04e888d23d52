"""Batches hold every clip once, in an order that the seed says, on one device or several."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.data.sampler import LengthBuckets

LENGTHS = np.random.default_rng(0).integers(50, 400, 311).tolist()


def clips_of(sampler: LengthBuckets) -> list[int]:
    return [clip for batch in sampler for clip in batch.positions]


@pytest.mark.parametrize(("clips", "tokens"), [(3, 0), (0, 1500), (4, 900)])
def test_every_clip_exactly_once_and_never_too_large(clips: int, tokens: int) -> None:
    sampler = LengthBuckets(LENGTHS, clips, tokens, seed=1)
    assert sorted(clips_of(sampler)) == list(range(311))
    assert len(sampler) == len(list(sampler))
    for batch in sampler:
        assert not clips or len(batch.positions) <= clips
        longest = max(LENGTHS[clip] for clip in batch.positions)
        assert not tokens or longest * len(batch.positions) <= tokens


def test_order_is_new_each_epoch_and_the_same_for_the_same_seed() -> None:
    sampler = LengthBuckets(LENGTHS, clips=3, seed=1)
    first = clips_of(sampler)
    assert first == clips_of(LengthBuckets(LENGTHS, clips=3, seed=1))
    assert first != clips_of(LengthBuckets(LENGTHS, clips=3, seed=2))
    sampler.set_epoch(1)
    assert first != clips_of(sampler)
    assert sorted(first) == sorted(clips_of(sampler))


def test_batches_hold_clips_of_like_length() -> None:
    padded = sum(
        max(LENGTHS[clip] for clip in batch.positions) * len(batch.positions)
        for batch in LengthBuckets(LENGTHS, clips=3, seed=1)
    )
    assert padded < 1.06 * sum(LENGTHS)  # batches drawn at random pad by about 40 %


@pytest.mark.parametrize("world", [2, 3])
def test_devices_share_the_batches_of_one_large_device(world: int) -> None:
    whole = [b.positions for b in LengthBuckets(LENGTHS, clips=4 * world, seed=5)]
    ranks = [
        [b.positions for b in LengthBuckets(LENGTHS, clips=4, seed=5, rank=rank, world=world)]
        for rank in range(world)
    ]
    assert len({len(batches) for batches in ranks}) == 1
    assert all(batch for batches in ranks for batch in batches)
    for number, batch in enumerate(whole):
        dealt = sorted(clip for batches in ranks for clip in batches[number])
        assert dealt == sorted(batch)


def test_a_last_batch_too_small_for_the_devices_joins_another() -> None:
    lengths = [100] * 13
    ranks = [clips_of(LengthBuckets(lengths, clips=2, rank=r, world=4)) for r in range(4)]
    assert sorted(clip for rank in ranks for clip in rank) == list(range(13))
