"""Cuts of clips in, the loaders of an epoch out: for the stage that trains the decoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import DataLoader, Dataset

from xttslab.data.crops import CropOrder


def crop_loaders(
    trained: Dataset,
    held_out: Dataset,
    crops: int,
    batches: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
) -> tuple[DataLoader, DataLoader]:
    """A training loader of about `batches` batches of `crops` cuts, every clip equally often,
    dealt out to `world` devices, and an evaluation loader that always gives the same cuts, two of
    each clip, on every device."""
    clips = len(trained)
    repeats = max(1, -(-batches * crops // clips))
    order = CropOrder(clips, repeats, seed, rank=rank, world=world)
    fixed = CropOrder(len(held_out), 2, seed, fixed=True)
    return (
        DataLoader(trained, crops, sampler=order, drop_last=len(order) >= crops),
        DataLoader(held_out, crops, sampler=fixed),
    )


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` rows, evenly from all."""
    step = -(-len(rows) // most)
    return list(rows[::step])
