"""Batches of whole clips: their padding, their texts, how often each clip comes."""

from __future__ import annotations

import numpy as np

from xttslab.data.whole_clips import SILENCE, WholeClip, clip_loaders, pack


def clip(codes: int, *tokens: int) -> WholeClip:
    return WholeClip(np.full(codes * 1024, 0.5, dtype=np.float32), np.array(tokens))


def test_clips_lie_side_by_side_with_silence_behind() -> None:
    batch = pack([clip(2, 7, 8, 9), clip(5, 4)])
    assert batch.wave.shape == (2, (5 + SILENCE) * 1024)
    assert batch.wave[0].count_nonzero() == 2 * 1024
    assert batch.codes.tolist() == [2 + SILENCE, 5 + SILENCE]
    assert batch.tokens.tolist() == [7, 8, 9, 4]
    assert batch.token_counts.tolist() == [3, 1]


def test_every_clip_comes_as_often_as_asked_within_the_size() -> None:
    clips = [clip(4 + i, i) for i in range(10)]
    train, fixed = clip_loaders(clips, clips[:3], batch_codes=50, passes=3, seed=1)
    batches = list(train)
    assert sorted(t for b in batches for t in b.tokens.tolist()) == sorted(list(range(10)) * 3)
    assert max(b.wave.numel() // 1024 for b in batches) <= 50
    first = [batch.tokens.tolist() for batch in fixed]
    assert sorted(token for batch in first for token in batch) == [0, 1, 2]
    assert [batch.tokens.tolist() for batch in fixed] == first
