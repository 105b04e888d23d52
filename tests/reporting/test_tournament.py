"""Strengths from A/B votes, who meets whom, and whether scores agree with listeners."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from xttslab.reporting.tournament import Strengths, agreement, next_round, standings
from xttslab.reporting.votes import Vote


def duels(first: str, second: str, won: int, lost: int, same: int = 0) -> list[Vote]:
    """So many votes for the first, for the second, and for neither."""
    answers = [first] * won + [second] * lost + [""] * same
    return [Vote("ab", f"{n:02d}", [first, second], answer) for n, answer in enumerate(answers)]


def test_two_candidates_differ_by_the_log_of_their_odds_and_less_where_votes_are_few() -> None:
    many = Strengths.of(["a", "b"], duels("a", "b", 3000, 1000))
    assert many.mean[0] - many.mean[1] == pytest.approx(np.log(3), abs=0.01)
    assert many.mean.sum() == pytest.approx(0, abs=1e-9)
    # the difference's variance is 1 / (n p (1 - p)), half a difference stands on either side
    assert many.covariance[0, 0] == pytest.approx(1 / (4000 * 0.25 * 0.75) / 4, rel=0.01)
    few = Strengths.of(["a", "b"], duels("a", "b", 3, 0))
    assert 0.5 < few.mean[0] - few.mean[1] < 3  # the odds alone would be without end
    assert 0.75 < few.chances()[0] < 0.99
    undecided = Strengths.of(["a", "b"], duels("a", "b", 2, 2, same=9))
    assert undecided.mean == pytest.approx([0, 0], abs=1e-9)


def test_strength_passes_on_through_a_third_candidate() -> None:
    votes = duels("a", "b", 9, 3) + duels("b", "c", 9, 3)
    table = standings(["c", "b", "a", "unheard"], votes)
    assert [one.name for one in table] == ["a", "b", "c"]
    assert [(one.votes, one.won) for one in table] == [(12, 9.0), (24, 12.0), (12, 3.0)]
    assert table[1].strength.value == pytest.approx(0.5)
    assert table[0].strength.low < table[0].strength.value < table[0].strength.high
    assert sum(one.best for one in table) == pytest.approx(1)
    assert table[0].best > 0.9
    assert standings(["a", "b"], []) == []


def test_a_round_pairs_neighbours_and_lets_the_hopeless_sit_out() -> None:
    names = list("abcdef")
    fresh = Strengths.of(names, [])
    first = next_round(fresh, random.Random(1))
    assert sorted(name for pair in first for name in pair) == names
    votes = [vote for one, other in zip("abcde", "bcdef", strict=True)
             for vote in duels(one, other, 30, 2)]  # fmt: skip
    known, rng = Strengths.of(names, votes), random.Random(1)
    for _ in range(20):
        assert [set(pair) for pair in next_round(known, rng)] == [{"a", "b"}]
    open_end = Strengths.of(names, duels("a", "b", 30, 2))
    met = Counter(name for _ in range(20) for pair in next_round(open_end, rng) for name in pair)
    assert met["c"] > met["b"]


def test_a_score_agrees_contradicts_or_cannot_be_told() -> None:
    votes = duels("a", "b", 18, 4, same=5) + duels("b", "c", 15, 5)
    table = standings(["a", "b", "c"], votes)
    right = agreement("overall", {"a": 9.0, "b": 8.0, "c": 7.0}, table, votes)
    assert (right.votes, right.right.value) == (42, pytest.approx(33 / 42))
    assert (right.rank, right.verdict) == (pytest.approx(1.0), "agrees with the listeners")
    wrong = agreement("overall", {"a": 7.0, "b": 8.0, "c": 9.0}, table, votes)
    assert (wrong.rank, wrong.verdict) == (pytest.approx(-1.0), "contradicts the listeners")
    few = agreement("overall", {"a": 7.0, "b": 8.0}, table, votes[:6])
    assert (few.rank, few.verdict) == (None, "contradicts the listeners")
    assert agreement("overall", {"a": 7.0, "b": 8.0}, table, votes[:2]).verdict == (
        "cannot be told yet"
    )
    assert agreement("overall", {"a": 7.0}, table, votes) is None
    assert agreement("overall", {"a": 7.0, "b": 7.0}, table, votes) is None
