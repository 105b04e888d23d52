"""Blind votes, counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.reporting.listening import (
    Stimulus,
    Vote,
    append_vote,
    build_listening_test,
    listener_metrics,
    preference,
    read_votes,
)


def clips(run: str, count: int = 4) -> list[Stimulus]:
    return [
        Stimulus(run, f"{n:02d}_neutral", f"Mondat {n}.", "neutral", Path(f"{run}{n}.wav"))
        for n in range(count)
    ]


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


def test_what_the_browser_gets_never_names_a_run() -> None:
    test = build_listening_test(
        {"run_one": clips("run_one"), "run_two": clips("run_two")}, clips("", 2), 4
    )
    kinds = [task.kind for task in test.tasks]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"ab": 4, "scores": 4, "real": 4}
    assert "run_" not in str(test.public())
    assert all(not t["text"] for t in test.public() if t["kind"] == "real")


def test_the_order_within_pairs_is_drawn_and_undone() -> None:
    test = build_listening_test({"one": clips("one", 40), "two": clips("two", 40)}, [], 40, seed=1)
    first = [task.stimuli[0].run for task in test.tasks if task.kind == "ab"]
    assert 8 < first.count("one") < 32
    for number, task in enumerate(test.tasks[:40]):
        assert test.vote(number, {"choice": "b"}, "").answer == task.stimuli[1].run
    assert test.vote(0, {"choice": "same"}, "").answer == ""


def test_impossible_answers_are_refused() -> None:
    test = build_listening_test({"one": clips("one"), "two": clips("two")}, [], 1, seed=1)
    with pytest.raises(UserError, match="'c' is no answer here; use one of a, b, same"):
        test.vote(0, {"choice": "c"}, "")
    with pytest.raises(UserError, match="naturalness: the score 11 is not a number from 1 to 10"):
        test.vote(1, {"scores": {"naturalness": 11}}, "")
    with pytest.raises(UserError, match="there is no task 9"):
        test.vote(9, {}, "")
    with pytest.raises(UserError, match="nothing to listen to"):
        build_listening_test({"one": []}, [], 4)


def test_votes_kept_with_marks_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    kept = {"kind": "marks", "clip": "01", "runs": ["a"], "answer": "", "marks": {"emotion": 7}}
    path.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    assert read_votes(path) == [Vote("scores", "01", ["a"], "", {"emotion": 7})]
