"""The seed's tables and curve, fed in, give what a careful reader finds in them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.cards import card
from tests.reporting.runs import (
    analysed,
    calm_run,
    gates,
    overfitted_run,
    rules,
    seed_run,
)
from xttslab.reporting.build import write_report
from xttslab.reporting.record import RunData


def test_the_seed_turned_unstable_between_epoch_15_and_29() -> None:
    rise = analysed(seed_run()).findings.instability
    assert (rise.low_epoch, rise.low, rise.high_epoch, rise.high) == (15, 4.280, 29, 5.069)
    assert rise.share_lost == pytest.approx(0.789 / 1.1)


def test_one_value_cannot_name_the_seeds_best_checkpoint() -> None:
    choice = analysed(seed_run()).findings.choice
    assert choice.epoch is None
    assert "eval/mel_ce was measured 1 time (epoch 29)" in choice.reason
    assert "the training loss alone points to epoch 15 (4.280, at the end 5.069)" in choice.reason


def test_the_seeds_text_loss_is_234_nats_and_both_units_are_shown() -> None:
    rows = {row.metric: row for row in analysed(seed_run()).rows}
    assert rows["eval/text_ce"].end == pytest.approx(2.34)
    assert rows["eval/text_ce_weighted"].end == 0.0234
    assert rows["train/text_ce"].start == pytest.approx(4.03)
    assert rows["train/text_ce_weighted"].change_share == pytest.approx(-0.419, abs=5e-4)
    assert rows["train/mel_ce"].change_share == pytest.approx(-0.058, abs=5e-4)
    assert rows["train/total"].change_share == pytest.approx(-0.060, abs=6e-4)
    assert rows["eval/mel_ce"].change is None


def test_the_seeds_losses_are_read_as_surprise_and_not_as_quality() -> None:
    text, mel = analysed(seed_run()).meanings
    assert text.loss == pytest.approx(2.34)
    assert text.perplexity == pytest.approx(math.exp(2.34))
    assert mel.uniform == pytest.approx(math.log(1026))
    assert mel.gained == pytest.approx(math.log(1026) - 5.046)
    assert (mel.zero_shot, mel.unigram) == (None, None)


def test_the_seeds_gates() -> None:
    found = analysed(seed_run()).gates
    states = {(result.gate.level, result.gate.name): result.state for result in found}
    assert states["minimum", "Mel CE"] == "not met"
    assert states["minimum", "Text CE, Coqui-weighted"] == "met"
    assert states["minimum", "Overall quality"] == "not measured"
    assert states["target", "Text CE, Coqui-weighted"] == "not met"
    assert states["stretch", "Indistinguishable from originals"] == "not measured"
    long_form = [result.state for result in found if "long-form" in result.gate.name]
    assert set(long_form) == {"not measured"}


def test_the_seeds_advice_and_what_set_it_off() -> None:
    advice = {entry.rule: entry for entry in analysed(seed_run()).advice}
    assert list(advice)[:2] == ["unstable", "evaluate_often"]
    assert "from 4.280 at epoch 15 to 5.069 at epoch 29" in advice["unstable"].because
    assert "optim.lr=1.5e-06" in advice["unstable"].what
    assert advice["data_amount"].because == "14.8 minutes in 80 clips"
    assert advice["category_counts"].because == (
        "too few clips: confirmation 2, greeting 6, excitement 7, tension 10, transition 11"
    )
    assert "more_epochs" not in advice


def test_a_run_that_overfits_is_used_at_its_turning_point() -> None:
    found = analysed(overfitted_run(best=12)).findings
    assert found.choice.epoch == 12
    assert found.overfitting.low_epoch == 12
    assert found.instability is None
    assert found.gap == pytest.approx(4.0 - (2.5 + 2.1 * 0.9**12))
    assert found.gap_verdict.startswith("moderate")


def test_a_calm_run_gets_no_advice() -> None:
    assert analysed(calm_run()).advice == []


def test_what_is_missing_is_said() -> None:
    missing = " · ".join(analysed(RunData("empty", status="FAILED")).missing)
    assert "no metrics" in missing
    assert "no held-out loss (eval/mel_ce)" in missing
    assert "no spoken samples" in missing
    assert "its status is FAILED" in missing


def test_losses_that_are_no_numbers_are_named() -> None:
    run = RunData("nan", histories={"eval/mel_ce": dict.fromkeys(range(4), math.nan)})
    result = analysed(run)
    assert result.findings.choice.epoch is None
    assert "every value is NaN" in result.findings.choice.reason
    assert result.advice[0].rule == "broken_values"
    assert "eval/mel_ce at 4 epochs, first at 0" in result.advice[0].because


def test_one_epoch_alone_gives_a_report() -> None:
    run = RunData("short", histories={"eval/mel_ce": {0: 5.0, 1: 4.5}, "train/mel_ce": {1: 4.7}})
    result = analysed(run)
    assert result.findings.trend is None
    assert result.findings.choice.epoch is None
    assert "measured 2 times (epoch 0, 1)" in result.findings.choice.reason


def test_gains_over_token_frequencies_and_over_the_base_model() -> None:
    histories = {"eval/mel_ce": {0: 5.5, 1: 4.8, 2: 4.5}, "codes/unigram_entropy": {0: 5.9}}
    (mel,) = analysed(RunData("run", histories=histories)).meanings
    assert (mel.loss, mel.unigram, mel.zero_shot) == (4.5, 5.9, 5.5)


def test_a_run_that_never_beat_its_base_says_so(tmp_path: Path) -> None:
    run = RunData("worse", histories={"eval/mel_ce": {0: 4.0, 1: 4.2, 2: 4.3, 3: 4.4}})
    text = write_report(run, rules(), gates(), tmp_path).markdown.read_text(encoding="utf-8")
    assert "Training did not help: no epoch beats the model before it" in text


def test_a_checkpoint_chosen_by_loss_and_voice_is_the_one_to_use() -> None:
    histories = {
        "eval/mel_ce": {0: 5.0, 5: 4.0, 10: 4.1},
        "selection/loss_and_voice": {0: 4.8, 5: 3.5, 10: 3.3},
    }
    tags = {"monitor": "selection/loss_and_voice"}
    findings = analysed(RunData("both", histories=histories, tags=tags)).findings
    assert findings.choice.epoch == 10
    assert findings.choice.reason == "selection/loss_and_voice is lowest there: 3.3000"
    assert findings.held_out.name == "eval/mel_ce"


def test_a_score_as_monitor_does_not_pass_for_a_loss() -> None:
    histories = {"score/overall": {5: 6.0, 10: 8.0}, "eval/mel_ce": {0: 5.0, 5: 4.0, 10: 4.5}}
    run = RunData("scored", histories=histories, tags={"monitor": "score/overall"})
    assert analysed(run).findings.choice.epoch == 5


def test_gates_judge_the_marks_that_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    content = card(["Jó.", "Rossz."], np.array([9.0, 8.0])).to_dict()
    path.write_text(json.dumps(content), encoding="utf-8")
    run = RunData(
        "run",
        histories={"score/voice_similarity": {0: 9.9}, "score/overall": {0: 1.0, 5: 8.5}},
        files={"samples/epoch_005/scorecard.json": path},
    )
    states = {result.gate.metric: result.state for result in analysed(run).gates}
    assert states["score/voice_similarity"] == "not measured"  # at epoch 5; it was at epoch 0
    assert states["score/naturalness"] == "not met"
    assert "score/overall" in states
