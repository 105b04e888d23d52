"""Loaders of segments: the same ones however many processes read ahead, dealt out to devices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from xttslab.training.decoder_data import segment_loaders, spread


class Keys(Dataset[Tensor]):
    """Gives back what it is asked for."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, key: tuple[int, float]) -> Tensor:
        return torch.tensor(key, dtype=torch.float64)


def loaders(workers: int = 0, place: tuple[int, int] = (0, 1)):
    return segment_loaders(Keys(6), Keys(2), 4, 3, 7, workers, place, pinned=False)


def test_every_clip_comes_equally_often_in_about_as_many_batches_as_asked() -> None:
    trained, held_out = loaders()
    rows = torch.cat([batch[:, 0] for batch in trained]).tolist()
    assert len(trained) == 3
    assert sorted(rows) == sorted([*range(6)] * 2)
    assert torch.cat([batch[:, 0] for batch in held_out]).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers) -> None:
    alone = torch.cat(list(loaders()[0]))
    assert torch.equal(torch.cat(list(loaders(workers)[0])), alone)


def test_devices_share_the_segments_out() -> None:
    parts = [torch.cat(list(loaders(place=(rank, 2))[0])) for rank in (0, 1)]
    assert [len(part) for part in parts] == [4, 4]  # whole batches of four alone
    whole = torch.cat(list(loaders()[0])).tolist()
    assert all(segment in whole for part in parts for segment in part.tolist())


def test_spread_takes_evenly_from_all() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 5) == [0, 1, 2]
