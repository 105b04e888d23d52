"""Scorecards as a table of clips, as JSON, and on the screen."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.reporting.cards import card
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.tables import (
    marks_table,
    missing_lines,
    sample_lines,
    write_card,
    write_clips,
)

CARD = card(["Igen.", 'Ő azt mondta, "nem".'], np.array([8.0, 4.0]))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_one_row_a_clip_with_empty_cells_for_what_was_not_measured(tmp_path: Path) -> None:
    write_clips(tmp_path / "scores.csv", {"clips": CARD})
    first, second = rows(tmp_path / "scores.csv")
    assert next(iter(first)) == "audio_file"
    assert (first["mark_naturalness"], first["mark_emotion"]) == ("8", "")
    assert first["speaker_similarity"] == ""
    assert second["text"] == 'Ő azt mondta, "nem".'


def test_several_systems_are_told_apart(tmp_path: Path) -> None:
    write_clips(tmp_path / "scores.csv", {"run": CARD, "real": CARD})
    assert [row["system"] for row in rows(tmp_path / "scores.csv")] == ["run"] * 2 + ["real"] * 2


def test_a_card_on_disk_is_read_back(tmp_path: Path) -> None:
    write_card(tmp_path / "card.json", CARD)
    assert Scorecard.from_dict(json.loads((tmp_path / "card.json").read_text("utf-8"))) == CARD


def test_marks_stand_beside_each_other() -> None:
    lines = marks_table({"run": CARD, "real": replace(CARD, overall=None)})
    assert lines[0].split() == ["out", "of", "10", "run", "real"]
    assert lines[3].split() == ["naturalness", "6.0", "(5.5-6.5)", "6.0", "(5.5-6.5)"]
    assert lines[-1].split() == ["overall", "6.0", "(5.5-6.5)", "not", "measured"]


def test_what_is_missing_and_what_stands_out_is_said() -> None:
    assert missing_lines(CARD)[0] == "not measured: voice similarity (nothing to measure it with)"
    assert sample_lines(CARD) == [
        "best   8.0  00_neutral.wav: it is clean",
        "worst  4.0  01_neutral.wav: it clicks",
    ]
