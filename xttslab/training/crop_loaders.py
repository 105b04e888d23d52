"""Cuts of clips in, the loaders of an epoch out: for the stages that train on sound."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import DataLoader, Dataset

from xttslab.data.crops import CropOrder


def crop_loaders(
    trained: Dataset, held_out: Dataset, crops: int, batches: int, seed: int
) -> tuple[DataLoader, DataLoader]:
    """A training loader of about `batches` batches of `crops` cuts, every clip equally often, and
    an evaluation loader that always gives the same cuts, two of each clip."""
    clips = len(trained)
    repeats = max(1, -(-batches * crops // clips))
    order = CropOrder(clips, repeats, seed)
    fixed = CropOrder(len(held_out), 2, seed, fixed=True)
    return (
        DataLoader(trained, crops, sampler=order, drop_last=clips * repeats >= crops),
        DataLoader(held_out, crops, sampler=fixed),
    )


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` rows, evenly from all."""
    step = -(-len(rows) // most)
    return list(rows[::step])
