"""Votes of listeners stand beside the scores, and it is said where the two disagree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.reporting.runs import analysed, overfitted_run
from xttslab.reporting.analysis import Analysis
from xttslab.reporting.by_ear import by_ear, deployed
from xttslab.reporting.votes import Vote


def made(name: str, **scores: dict[int, float]) -> Analysis:
    """A run whose best epoch is 12, with samples at epochs 0, 10 and 20 and scores at these."""
    run = overfitted_run()
    metrics = {f"score/{aspect}": values for aspect, values in scores.items()}
    samples = {f"samples/epoch_{e:03d}/01_greeting.wav": Path("x.wav") for e in (0, 10, 20)}
    return analysed(replace(run, name=name, files=samples, histories={**run.histories, **metrics}))


def votes(better: str, worse: str, won: int, lost: int = 0) -> list[Vote]:
    return [
        Vote("ab", f"{n:02d}", [better, worse], better if n < won else worse, listener="Éva")
        for n in range(won + lost)
    ]


def test_scores_that_contradict_the_listeners_are_named() -> None:
    runs = [made("a", overall={0: 6.0, 10: 9.0}), made("b", overall={0: 6.0, 10: 7.0})]
    assert [deployed(run) for run in runs] == ["a@10", "b@10"]
    given = votes("b@10", "a@10", 18, 2) + votes("a@10", "a@0", 18, 2)
    found = by_ear(runs, given)
    assert (found.votes, found.listeners) == (40, 1)
    assert [one.name for one in found.table] == ["b@10", "a@10", "a@0"]
    assert found.overall == {"a@0": 6.0, "a@10": 9.0, "b@10": 7.0}
    assert found.disputes == [
        "b@10 was preferred to a@10 in 18 of 20 votes, but has the lower overall score "
        "(7.0 against 9.0)"
    ]
    (overall,) = found.agreements
    assert (overall.score, overall.votes, overall.right.value) == ("Overall", 40, 0.5)
    assert overall.rank == pytest.approx(0.5)
    assert overall.verdict == "cannot be told yet"


def test_older_votes_are_of_the_epoch_that_would_be_deployed() -> None:
    runs = [made("a"), made("b")]
    found = by_ear(runs, votes("a", "b", 3) + votes("a@10", "other_system", 3))
    assert {one.name: one.votes for one in found.table} == {
        "a@10": 6, "b@10": 3, "other_system": 3,
    }  # fmt: skip
    assert (found.agreements, found.disputes) == ([], [])


def test_without_a_vote_on_these_runs_nothing_is_said() -> None:
    assert by_ear([made("a")], votes("c@1", "d@1", 3)) is None
    assert by_ear([made("a")], [Vote("scores", "01", ["a@10"], "", {"emotion": 3})]) is None
