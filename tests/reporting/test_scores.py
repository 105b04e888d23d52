"""Marks come from the stored scorecard, else from metrics; what cannot be read is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.cards import card
from xttslab.reporting.record import RunData
from xttslab.reporting.scores import CARD, read_scores

METRICS = {
    "score/naturalness": {5: 6.0, 10: 7.0},
    "score/naturalness/tension": {10: 5.5},
    "score/distillmos": {10: 3.6},
    "score/overall": {10: 7.0},
    "listener/naturalness": {12: 8.0},
    "listener/naturalness/count": {12: 12.0},
    "listener/naturalness/low": {12: 7.2},
    "listener/naturalness/high": {12: 8.8},
}


def stored(folder: Path, content: str) -> RunData:
    path = folder / "scorecard.json"
    path.write_text(content, encoding="utf-8")
    return RunData("scored", histories=METRICS, files={CARD: path})


def test_scores_of_training_are_the_latest_metrics() -> None:
    scores = read_scores(RunData("run", histories=METRICS))
    assert {name: mark.value for name, mark in scores.marks.items()} == {
        "naturalness": 7.0,
        "overall": 7.0,
    }
    assert scores.by_category == {"tension": {"naturalness": 5.5}}
    heard = scores.listener["naturalness"]
    assert (heard.value, heard.count, heard.interval.low) == (8.0, 12, 7.2)
    assert scores.best == scores.worst == []


def test_a_scorecard_brings_intervals_words_and_what_is_missing(tmp_path: Path) -> None:
    texts = ["Jó.", "Rossz.", "Közepes."]
    content = json.dumps(card(texts, np.array([9.0, 3.0, 6.0])).to_dict())
    scores = read_scores(stored(tmp_path, content))
    mark = scores.marks["naturalness"]
    assert (mark.value, mark.interval.high, mark.rests_on) == (6.0, 6.5, "a predictor")
    assert [clip.text for clip in scores.best + scores.worst] == ["Jó.", "Rossz."]
    assert scores.missing["smoothness"] == "nothing to measure it with"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{torn", "scorecard.json is damaged"),
        ("[]", "scorecard.json is damaged"),
        ('{"version": "0"}', "scores of version '0'"),
    ],
)
def test_scores_that_cannot_be_read_are_missing_and_never_mixed(
    tmp_path: Path, content: str, why: str
) -> None:
    scores = read_scores(stored(tmp_path, content))
    assert scores.marks == {}
    assert all(reason.startswith(why) for reason in scores.missing.values())
    assert len(scores.missing) == 6
