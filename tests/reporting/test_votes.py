"""Blind votes, counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.reporting.votes import (
    Vote,
    append_vote,
    candidate,
    listener_metrics,
    preference,
    read_votes,
    run_of,
    together,
)


def ab(answer: str) -> Vote:
    return Vote("ab", "01", ["a", "b"], answer)


def test_an_undecided_vote_counts_half() -> None:
    found = preference([ab("b")] * 15 + [ab("a")] * 3 + [ab("")] * 2, "a", "b")
    assert (found.second, found.count) == (16.0, 20)
    assert found.interval.value == 0.8
    assert (found.interval.low, found.interval.high) == pytest.approx((0.584, 0.919), abs=1e-3)
    assert preference([], "a", "b") is None


def test_scores_have_count_and_interval() -> None:
    votes = [Vote("scores", "01", ["a"], "", {"naturalness": score}) for score in (6, 7, 8)]
    votes.append(Vote("scores", "01", ["b"], "", {"naturalness": 1}))
    found = listener_metrics(votes, "a")
    assert found["listener/naturalness"] == 7.0
    assert found["listener/naturalness/count"] == 3
    assert found["listener/naturalness/low"] == pytest.approx(7 - 4.3027 / 3**0.5, abs=1e-3)
    assert found["listener/overall"] == 7.0
    assert "listener/pronunciation" not in found


def test_a_single_vote_has_no_interval() -> None:
    found = listener_metrics([Vote("scores", "01", ["a"], "", {"emotion": 9})], "a")
    assert found["listener/emotion"] == 9.0
    assert "listener/emotion/low" not in found


def test_told_apart_is_the_share_of_right_guesses_over_real_and_synthetic() -> None:
    votes = [Vote("real", "01", ["a"], "synthetic")] * 3 + [Vote("real", "01", ["a"], "real")]
    votes += [Vote("real", "x", [], "real")] * 3 + [Vote("real", "x", [], "synthetic")]
    found = listener_metrics(votes, "a")
    assert found["listener/told_apart"] == pytest.approx(6 / 8)
    assert found["listener/told_apart/count"] == 8


def test_votes_survive_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "listener/votes.jsonl"
    append_vote(path, ab("b"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "ab", "cl')
    assert read_votes(path) == [ab("b")]


def test_votes_kept_with_marks_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    kept = {"kind": "marks", "clip": "01", "runs": ["a"], "answer": "", "marks": {"emotion": 7}}
    path.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    assert read_votes(path) == [Vote("scores", "01", ["a"], "", {"emotion": 7})]


def test_a_candidate_is_a_run_at_an_epoch() -> None:
    assert candidate("combined", 12) == "combined@12"
    assert candidate("other_system", None) == "other_system"
    assert [run_of(name) for name in ("combined@12", "a@b@3", "old", "x@y")] == [
        "combined", "a@b", "old", "x@y",
    ]  # fmt: skip


def test_a_preference_is_of_the_epochs_asked_for_and_of_older_votes_without_one() -> None:
    votes = [Vote("ab", "01", ["b@9", "a@3"], "b@9")] * 3 + [
        Vote("ab", "01", ["a@1", "b@9"], "a@1")
    ]
    found = preference([*votes, ab("a")], "a@3", "b@9")
    assert (found.second, found.count) == (3.0, 4)
    own = preference([Vote("ab", "01", ["a@1", "a@3"], "a@3")], "a@1", "a@3")
    assert (own.second, own.count) == (1.0, 1)
    assert preference(votes, "a@1", "a@3") is None


def test_pairs_of_a_runs_own_epochs_say_nothing_of_how_it_is_preferred() -> None:
    votes = [Vote("ab", "01", ["a@1", "a@3"], "a@3"), Vote("ab", "01", ["a@3", "b@9"], "b@9")]
    found = listener_metrics(votes, "a")
    assert (found["listener/preferred"], found["listener/preferred/count"]) == (0.0, 1)


def test_a_vote_on_two_runs_counts_once() -> None:
    assert together([[ab("a"), ab("a")], [ab("a"), ab("a"), ab("b")]]) == [*[ab("a")] * 2, ab("b")]
