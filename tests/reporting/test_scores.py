"""Scores come from the stored scorecard, else from metrics; what cannot be read is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.cards import card
from xttslab.evaluation.aspects import ASPECTS
from xttslab.reporting.run_data import RunData
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


def test_scores_of_training_are_the_metrics_nearest_to_the_checkpoint() -> None:
    run = RunData("run", histories=METRICS)
    assert read_scores(run, 6).by_aspect["naturalness"].value == 6.0
    scores = read_scores(run, None)
    assert {name: score.value for name, score in scores.by_aspect.items()} == {
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
    scores = read_scores(stored(tmp_path, content), 3)
    assert scores.origin == "the sentences of python -m xttslab.evaluate"
    score = scores.by_aspect["naturalness"]
    assert (score.value, score.interval.high, score.basis) == (6.0, 6.5, "a predictor")
    assert [clip.text for clip in scores.best + scores.worst] == ["Jó.", "Rossz."]
    assert scores.missing["smoothness"] == "nothing to measure it with"


def test_cards_of_training_count_by_their_epoch(tmp_path: Path) -> None:
    files = {}
    for epoch, level in ((0, 1.0), (5, 4.0), (12, 8.0)):
        name = f"samples/epoch_{epoch:03d}/scorecard.json"
        path = tmp_path / f"{epoch}.json"
        content = card(["Jó.", "Rossz."], np.array([level, level])).to_dict()
        path.write_text(json.dumps(content), encoding="utf-8")
        files[name] = path
    run = RunData("run", histories=METRICS, files=files)
    found = [read_scores(run, epoch).by_aspect["overall"].value for epoch in (2, 7, 11, None)]
    assert found == [1.0, 4.0, 8.0, 8.0]
    assert read_scores(run, 7).origin == "the samples of epoch 5"


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
    scores = read_scores(stored(tmp_path, content), 3)
    assert scores.by_aspect == {}
    assert all(reason.startswith(why) for reason in scores.missing.values())
    assert len(scores.missing) == len(ASPECTS)
