"""Cuts of clips in, the loaders of an epoch out: for the stage that trains the decoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import DataLoader, Dataset

from xttslab.data.crops import CropOrder
from xttslab.data.parallel import ignore_interrupts


def crop_loaders(
    trained: Dataset,
    held_out: Dataset,
    crops: int,
    batches: int,
    seed: int,
    workers: int,
    place: tuple[int, int],
    pinned: bool,
) -> tuple[DataLoader, DataLoader]:
    """A training loader of about `batches` batches of `crops` cuts, every clip equally often,
    read ahead by `workers` processes and dealt out to all devices (`place`: a device's number and
    how many there are), and an evaluation loader that always gives the same cuts, two of each clip,
    on every device. `pinned` memory is what a GPU fetches from while it works."""
    clips = len(trained)
    repeats = max(1, -(-batches * crops // clips))
    rank, world = place
    order = CropOrder(clips, repeats, seed, rank=rank, world=world)
    fixed = CropOrder(len(held_out), 2, seed, fixed=True)
    return (
        DataLoader(
            trained,
            crops,
            sampler=order,
            drop_last=len(order) >= crops,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=ignore_interrupts,
            pin_memory=pinned,
        ),
        DataLoader(held_out, crops, sampler=fixed, pin_memory=pinned),
    )


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` rows, evenly from all."""
    step = -(-len(rows) // most)
    return list(rows[::step])
