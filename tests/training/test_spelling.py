"""Reading texts from codes: the loss of one that knows nothing, and of texts without room."""

from __future__ import annotations

import math

import pytest
import torch

from xttslab.data.whole_clips import ClipBatch
from xttslab.training.spelling import PER_CODE, Spelling


def batch(codes: list[int], tokens: list[list[int]]) -> ClipBatch:
    counts = torch.tensor([len(text) for text in tokens])
    flat = torch.tensor([token for text in tokens for token in text])
    return ClipBatch(torch.empty(0), torch.tensor(codes), flat, counts)


def ignorant() -> Spelling:
    spelling = Spelling(codebook_dim=4, tokens=9)
    torch.nn.init.zeros_(spelling.last.weight)
    torch.nn.init.zeros_(spelling.last.bias)
    return spelling


def test_one_that_knows_nothing_counts_the_ways_to_say_a_token() -> None:
    found = ignorant()(torch.randn(2, 5, 4))
    assert found.shape == (5 * PER_CODE, 2, 10)
    lost = ignorant().loss(torch.randn(1, 3, 4), batch([3], [[7]]))
    places = 3 * PER_CODE  # one token in a row somewhere among them: n (n + 1) / 2 ways
    ways = places * (places + 1) / 2
    assert lost.item() == pytest.approx(places * math.log(10) - math.log(ways), rel=1e-5)


def test_padding_behind_a_clip_changes_nothing() -> None:
    torch.manual_seed(0)
    spelling, vectors = Spelling(4, 9), torch.zeros(1, 8, 4)
    vectors[:, :4] = torch.randn(1, 4, 4)
    far = vectors.clone()
    far[:, 7] = 5.0  # farther away than the reader looks
    wanted = batch([4], [[1, 2]])
    assert spelling.loss(far, wanted).item() == spelling.loss(vectors, wanted).item()


def test_a_text_without_room_counts_nothing() -> None:
    lost = ignorant().loss(torch.randn(1, 2, 4), batch([2], [[1, 2, 3, 4, 5]]))
    assert lost.item() == 0.0
