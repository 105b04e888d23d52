"""Passages are cut at pauses, within the bounds, and nothing is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.preparing.conftest import SEGMENTS
from xttslab.data.preparing.voice_activity import FRAME_SECONDS

FLAT = np.ones(40_000, np.float32)


def spans(*lengths: float, pauses: list[float]) -> list[tuple[float, float]]:
    """Stretches of speech of these lengths with these pauses between them."""
    found, now = [], 0.0
    for length, pause in zip(lengths, [*pauses, 0.0], strict=True):
        found.append((now, now + length))
        now += length + pause
    return found


def lengths(passages: list[tuple[float, float]]) -> list[float]:
    return [round(end - start, 2) for start, end in passages]


def test_long_pauses_always_cut_and_short_ones_do_not() -> None:
    regions = spans(3.0, 3.0, 3.0, pauses=[0.3, 0.8])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [6.3, 3.0]


def test_a_short_passage_joins_the_nearer_neighbour() -> None:
    regions = spans(3.0, 1.0, 3.0, pauses=[0.78, 0.72])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [3.0, 4.72]


def test_a_short_passage_far_from_others_stays_alone() -> None:
    regions = spans(3.0, 1.0, 3.0, pauses=[0.9, 1.5])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [3.0, 1.0, 3.0]


def test_a_join_never_makes_a_passage_too_long() -> None:
    regions = spans(11.5, 1.0, pauses=[0.75])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [11.5, 1.0]


def test_a_long_passage_is_cut_at_its_longest_pauses() -> None:
    regions = spans(5.0, 5.0, 5.0, 5.0, pauses=[0.25, 0.5, 0.25])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [10.25, 10.25]


def test_speech_without_a_pause_may_pass_the_maximum() -> None:
    assert lengths(SEGMENTS.passages([(0.0, 20.0)], FLAT)) == [20.0]


def test_beyond_the_ceiling_it_is_cut_at_the_least_likely_moment() -> None:
    probability = FLAT.copy()
    probability[round(11.2 / FRAME_SECONDS)] = 0.4
    passages = SEGMENTS.passages([(0.0, 33.0)], probability)
    assert passages[0][1] == pytest.approx(11.2, abs=0.05)
    assert all(end - start <= 28.0 for start, end in passages)
    assert passages[-1][1] == 33.0


def test_a_remainder_is_short_rather_than_the_whole_beyond_the_ceiling() -> None:
    regions = spans(28.0, 0.5, pauses=[0.5])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [28.0, 0.5]


def test_no_speech_gives_no_passages() -> None:
    assert SEGMENTS.passages([], FLAT) == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 60.0), st.floats(0.2, 5.0)), min_size=1, max_size=40))
def test_all_speech_is_in_exactly_one_passage(parts: list[tuple[float, float]]) -> None:
    regions = spans(*(length for length, _ in parts), pauses=[pause for _, pause in parts[:-1]])
    passages = SEGMENTS.passages(regions, np.ones(int(3_000 / FRAME_SECONDS), np.float32))
    assert all(a[1] <= b[0] for a, b in pairwise(passages))
    assert all(0 < end - start <= SEGMENTS.ceiling_s + 1e-6 for start, end in passages)
    for start, end in regions:
        inside = sum(max(0.0, min(end, b) - max(start, a)) for a, b in passages)
        assert inside == pytest.approx(end - start)
    for (_, end), (start, _) in pairwise(regions):
        if start - end >= max(SEGMENTS.split_pause_s, SEGMENTS.join_pause_s) + 1e-6:
            assert not any(a < end < b for a, b in passages)
