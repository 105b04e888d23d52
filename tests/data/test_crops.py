"""The order of cuts: every clip as often, by seed and epoch, dealt out to devices."""

from __future__ import annotations

from xttslab.data.crops import CropOrder


def test_order_is_every_clip_and_repeats_by_seed_and_epoch() -> None:
    order = CropOrder(5, 3, seed=2)
    first = list(order)
    assert sorted(row for row, _ in first) == sorted([0, 1, 2, 3, 4] * 3)
    assert list(order) == first
    order.set_epoch(1)
    assert list(order) != first
    fixed = CropOrder(5, 1, seed=2, fixed=True)
    before = list(fixed)
    fixed.set_epoch(3)
    assert list(fixed) == before
    assert [row for row, _ in before] == [0, 1, 2, 3, 4]


def test_devices_share_an_epoch_out_evenly() -> None:
    whole = list(CropOrder(5, 3, seed=2))
    parts = [list(CropOrder(5, 3, seed=2, rank=rank, world=2)) for rank in (0, 1)]
    assert [len(part) for part in parts] == [7, 7] == [len(CropOrder(5, 3, 2, world=2))] * 2
    assert sorted(parts[0] + parts[1]) == sorted(whole[:14])
