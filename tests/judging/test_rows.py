"""The rows of an evaluation, and what is kept of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import sampling
from xttslab.errors import UserError
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.judging.keeping import metrics, track_evaluation, write_evaluation
from xttslab.judging.rows import Evaluation, Plan, evaluate
from xttslab.judging.sentences import Sentences
from xttslab.judging.subject import Subject
from xttslab.model.voice import Speaking
from xttslab.tracking.store import RunTracker

SENTENCES = Sentences(
    "hu",
    "greeting",
    {"greeting": ["Jó estét!", "Szép napot!"], "tension": ["Most."], "anger": ["Elég!"]},
    {"short": ["Nem."]},
    "Ez egy hosszabb szöveg, amelyet több részben mondunk el. " * 3,
)
PLAN = Plan(SENTENCES, [7], [7], ["zero_shot", "codec"], Speaking(sampling()))


@pytest.fixture(scope="module")
def evaluation(subject: Subject, quick_scoring: Scoring) -> Evaluation:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    return evaluate(subject, PLAN, quick_scoring, watch=Stopwatch())


def test_all_rows_are_marked_and_what_is_left_out_is_said(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    assert list(evaluation.cards) == ["run", "codec", "real"]  # a base has no base of its own
    assert len(evaluation.cards["run"].clips) == 4
    assert len(evaluation.cards["codec"].clips) == len(evaluation.cards["real"].clips) == 2
    assert evaluation.left_out == ["anger"]
    assert evaluation.long_audio.name == "long_text.wav"
    found = metrics(evaluation)
    assert found["score/long_form/cer"] == evaluation.long.cer
    assert {"score/sets/short/smoothness", "score/codec/smoothness", "score/real/overall"} <= set(
        found
    )
    assert "score/overall/tension" in found


def test_files_are_written_and_read_back(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "old.wav").touch()
    (tmp_path / "precious.csv").touch()
    write_evaluation(evaluation, tmp_path)
    card = json.loads((tmp_path / "scorecard.json").read_text(encoding="utf-8"))
    assert len(Scorecard.from_dict(card).clips) == 4
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["system"] for row in rows] == ["run"] * 4 + ["codec"] * 2 + ["real"] * 2
    audio = sorted(path.name for path in (tmp_path / "audio").iterdir())
    assert "old.wav" not in audio
    assert {"greeting_01_s7.wav", "short_01_s7.wav", "long_text.wav"} <= set(audio)
    assert (tmp_path / "precious.csv").exists()
    assert json.loads((tmp_path / "rows.json").read_text("utf-8"))["left_out"] == ["anger"]


def test_numbers_reach_the_run_and_the_newest_evaluation_counts(
    evaluation: Evaluation, workplace: Path
) -> None:
    run_dir = workplace / "outputs/first"
    tracker = RunTracker.start(run_dir, "first")
    tracker.log_metrics({"eval/mel_ce": 5.0, "score/overall": 1.0}, step=3)
    tracker.finish()
    out = run_dir / "evaluation"
    write_evaluation(evaluation, out)
    assert track_evaluation(evaluation, out, run_dir, 3)
    better = replace(evaluation.cards["run"], overall=replace(evaluation.cards["run"].overall))
    assert track_evaluation(
        replace(evaluation, cards={**evaluation.cards, "run": better}), out, run_dir, None
    )
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [3, 4, 5]
    assert json.loads(lines[1])["evaluation/epoch"] == 3  # of the weights that spoke
    assert "evaluation/epoch" not in json.loads(lines[2])
    assert json.loads(lines[1])["score/overall"] == evaluation.cards["run"].overall.value
    from xttslab.tracking.artifacts import run_files
    from xttslab.tracking.runs import find_run

    files = run_files(find_run(str(run_dir)), "")
    assert {"evaluation/scorecard.json", "evaluation/audio/greeting_01_s7.wav"} <= set(files)


def test_a_folder_without_a_run_is_not_tracked(evaluation: Evaluation, tmp_path: Path) -> None:
    assert not track_evaluation(evaluation, tmp_path, None, 3)
    assert not track_evaluation(evaluation, tmp_path, tmp_path, 3)


def test_an_unknown_row_is_refused() -> None:
    with pytest.raises(UserError, match="rows holds 'best'; it may hold zero_shot, codec"):
        Plan(SENTENCES, [7], [7], ["best"], Speaking(sampling()))
