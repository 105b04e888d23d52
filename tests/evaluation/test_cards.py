"""What a scorecard's words are made from."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.reporting.cards import card
from xttslab.evaluation.card_output import (
    missing_lines,
    sample_lines,
    scores_table,
    write_card,
    write_clips,
)
from xttslab.evaluation.cards import _overall, _plain
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.settings import Scoring


def test_raw_measures_are_also_read_on_the_scales_of_the_configuration(scoring: Scoring) -> None:
    """0.95 of the letters wrong is 0, 0.1 is 10; emotion has no scale of its own."""
    scored = {
        "pronunciation": SimpleNamespace(measure="cer"),
        "naturalness": SimpleNamespace(measure="distillmos"),  # this clip has no value
        "emotion": SimpleNamespace(measure="emotion_distance"),
    }
    found = _plain({"cer": 0.44, "emotion_distance": 0.7}, scored, scoring)
    assert found == {"pronunciation": pytest.approx(6.0)}


def test_nothing_that_counts_was_measured_gives_no_overall(scoring: Scoring) -> None:
    scored = {"pace": SimpleNamespace(share=0.5, draws=np.full(3, 0.5))}
    assert _overall(scored, {"pace": 0.0}, scoring) is None
    assert _overall(scored, {}, scoring) is None


CARD = card(["Igen.", 'Ő azt mondta, "nem".'], np.array([8.0, 4.0]))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_one_row_a_clip_with_empty_cells_for_what_was_not_measured(tmp_path: Path) -> None:
    write_clips(tmp_path / "scores.csv", {"clips": CARD})
    first, second = rows(tmp_path / "scores.csv")
    assert next(iter(first)) == "audio_file"
    assert (first["score_naturalness"], first["score_emotion"]) == ("8", "")
    assert first["speaker_similarity"] == ""
    assert second["text"] == 'Ő azt mondta, "nem".'


def test_several_systems_are_told_apart(tmp_path: Path) -> None:
    write_clips(tmp_path / "scores.csv", {"run": CARD, "real": CARD})
    assert [row["system"] for row in rows(tmp_path / "scores.csv")] == ["run"] * 2 + ["real"] * 2


def test_a_card_on_disk_is_read_back(tmp_path: Path) -> None:
    write_card(tmp_path / "card.json", CARD)
    assert Scorecard.from_dict(json.loads((tmp_path / "card.json").read_text("utf-8"))) == CARD


def test_scores_stand_beside_each_other() -> None:
    lines = scores_table({"run": CARD, "real": replace(CARD, overall=None)})
    assert lines[0].split() == ["out", "of", "10", "run", "real"]
    assert lines[3].split() == ["naturalness", "6.0", "(5.5-6.5)", "6.0", "(5.5-6.5)"]
    assert lines[-1].split() == ["overall", "6.0", "(5.5-6.5)", "not", "measured"]


def test_what_is_missing_and_what_stands_out_is_said() -> None:
    assert missing_lines(CARD)[0] == "not measured: voice similarity (nothing to measure it with)"
    assert sample_lines(CARD) == [
        "best   8.0  00_neutral.wav: it is clean",
        "worst  4.0  01_neutral.wav: it clicks",
    ]
