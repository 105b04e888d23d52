from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.conftest import CONF
from tests.reporting.cards import card
from tests.reporting.runs import (
    analysed,
    calm_run,
    clips_of,
    falling,
    gates,
    overfitted_run,
    reference_run,
    rules,
)
from xttslab.errors import UserError
from xttslab.reporting.advice import Advice, Case
from xttslab.reporting.analysis import (
    MET,
    NOT_MEASURED,
    NOT_MET,
    RULES,
    advise,
    check_gates,
    read_gates,
)
from xttslab.reporting.build import write_report
from xttslab.reporting.findings import find
from xttslab.reporting.run_data import RunData
from xttslab.reporting.scores import Scores, ShownScore
from xttslab.reporting.worth import worth_of

SHIPPED = yaml.safe_load((CONF / "gates/reference_analysis.yaml").read_text(encoding="utf-8"))


def test_the_reference_analysis_numbers_are_shipped() -> None:
    bounds = [(g.level, g.metric, g.kind, g.bound) for g in read_gates(SHIPPED)]
    assert bounds[:6] == [
        ("minimum", "eval/mel_ce", "below", 3.5),
        ("minimum", "eval/text_ce_weighted", "below", 0.025),
        ("minimum", "score/overall", "at_least", 8.0),
        ("target", "eval/mel_ce", "below", 2.5),
        ("target", "eval/text_ce_weighted", "below", 0.020),
        ("target", "score/overall", "at_least", 9.0),
    ]
    assert ("stretch", "eval/mel_ce", "below", 2.0) in bounds
    assert {level for level, *_ in bounds} == {"minimum", "target", "stretch", "expected"}


def test_the_reference_run_meets_the_text_gate_alone() -> None:
    metrics = {"eval/mel_ce": 5.046, "eval/text_ce_weighted": 0.0234, "score/overall": 7.5}
    found = check_gates(read_gates({"minimum": SHIPPED["minimum"]}), metrics)
    assert [result.state for result in found] == [NOT_MET, MET, NOT_MET]


@pytest.mark.parametrize(
    ("kind", "value", "state"),
    [
        ("below", 2.0, NOT_MET),
        ("below", 1.99, MET),
        ("at_most", 2.0, MET),
        ("at_least", 2.0, MET),
        ("at_least", 1.99, NOT_MET),
        ("at_least", float("nan"), NOT_MEASURED),
        ("at_least", None, NOT_MEASURED),
    ],
)
def test_bounds(kind: str, value: float | None, state: str) -> None:
    gates = read_gates({"target": [{"name": "n", "metric": "m", kind: 2}]})
    metrics = {} if value is None else {"m": value}
    assert check_gates(gates, metrics)[0].state == state


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "n", "metric": "m"}, "gate 'n' of level target has 0 bounds; give one of below"),
        ({"name": "n", "metric": "m", "below": 1, "at_most": 2}, "has 2 bounds"),
        ({"name": "n", "below": 1}, "a gate of level target has no metric"),
    ],
)
def test_gates_that_cannot_be_checked_are_refused(entry: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_gates({"target": [entry]})


def test_the_reference_run_turned_unstable_between_epoch_15_and_29() -> None:
    rise = analysed(reference_run()).findings.instability
    assert (rise.low_epoch, rise.low, rise.high_epoch, rise.high) == (15, 4.280, 29, 5.069)
    assert rise.share_lost == pytest.approx(0.789 / 1.1)


def test_one_value_cannot_name_the_reference_runs_best_checkpoint() -> None:
    choice = analysed(reference_run()).findings.choice
    assert choice.epoch is None
    assert "eval/mel_ce was measured 1 time (epoch 29)" in choice.reason
    assert "the training loss alone points to epoch 15 (4.280, at the end 5.069)" in choice.reason


def test_the_reference_analysis_text_loss_is_234_nats_and_both_units_are_shown() -> None:
    rows = {row.metric: row for row in analysed(reference_run()).rows}
    assert rows["eval/text_ce"].end == pytest.approx(2.34)
    assert rows["eval/text_ce_weighted"].end == 0.0234
    assert rows["train/text_ce"].start == pytest.approx(4.03)
    assert rows["train/text_ce_weighted"].change_share == pytest.approx(-0.419, abs=5e-4)
    assert rows["train/mel_ce"].change_share == pytest.approx(-0.058, abs=5e-4)
    assert rows["train/total"].change_share == pytest.approx(-0.060, abs=6e-4)
    assert rows["eval/mel_ce"].change is None


def test_the_reference_analysis_losses_are_read_as_surprise_and_not_as_quality() -> None:
    text, mel = analysed(reference_run()).meanings
    assert text.loss == pytest.approx(2.34)
    assert text.perplexity == pytest.approx(math.exp(2.34))
    assert mel.uniform == pytest.approx(math.log(1026))
    assert mel.gained == pytest.approx(math.log(1026) - 5.046)
    assert (mel.zero_shot, mel.unigram) == (None, None)


def test_the_reference_analysis_gates() -> None:
    found = analysed(reference_run()).gates
    states = {(result.gate.level, result.gate.name): result.state for result in found}
    assert states["minimum", "Mel CE"] == "not met"
    assert states["minimum", "Text CE, Coqui-weighted"] == "met"
    assert states["minimum", "Overall quality"] == "not measured"
    assert states["target", "Text CE, Coqui-weighted"] == "not met"
    assert states["stretch", "Indistinguishable from originals"] == "not measured"
    long_form = [result.state for result in found if "long-form" in result.gate.name]
    assert set(long_form) == {"not measured"}


def test_the_reference_analysis_advice_and_what_set_it_off() -> None:
    advice = {entry.rule: entry for entry in analysed(reference_run()).advice}
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


def with_history(name: str, values: dict[int, float], **changes: object) -> RunData:
    calm = calm_run()
    return replace(calm, histories={**calm.histories, name: values}, **changes)


BROKEN = with_history("train/mel_ce", {1: 4.0, 2: math.nan, 3: 3.9, 4: 3.8})
FALLING = with_history("eval/mel_ce", falling(6.0, 2.0, 30, rate=0.03))
WIDE_GAP = with_history("gap/mel_ce", dict.fromkeys(range(31), 0.8))
CLIPPED = with_history("grad_clipped", dict.fromkeys(range(1, 31), 0.9))
OTHER_REFERENCE = with_history("eval_ref/mel_ce", dict.fromkeys(range(31), 3.0))
ENDLESS = with_history("eval/stop_ce", dict.fromkeys(range(31), 1.2))
LOW_GAIN = with_history("eval/text_gain", dict.fromkeys(range(31), 0.02))
FORGETTING = with_history("eval/text_gain", {e: 1.1 - 0.02 * e for e in range(31)})

FIRING = {
    "broken_values": (BROKEN, "train/mel_ce at 1 epochs, first at 2"),
    "unstable": (reference_run(), "from 4.280 at epoch 15 to 5.069 at epoch 29"),
    "evaluate_often": (reference_run(), "eval/mel_ce has 1 value"),
    "overfitted": (overfitted_run(best=12), "while the training loss fell"),
    "memorised": (WIDE_GAP, "gap/mel_ce is 0.80 nats: moderate overfitting"),
    "low_text_gain": (LOW_GAIN, "eval/text_gain is 0.020 nats at epoch 30, near zero"),
    "more_epochs": (FALLING, "eval/mel_ce still falls by"),
    "clipping": (CLIPPED, "90% of the last epoch's steps were clipped at 1"),
    "data_amount": (calm_run(profile={"clips": 80, "minutes": 14.8}), "14.8 minutes in 80 clips"),
    "category_counts": (
        calm_run(clips=clips_of({"neutral": 23, "confirmation": 2})),
        "too few clips: confirmation 2",
    ),
    "noisy": (calm_run(noise_db=[20.0] * 10 + [45.0] * 30), "10 of 40 clips have a signal"),
    "rejected": (calm_run(rejected=10), "10 of 50 clips were not used"),
    "reference_cost": (OTHER_REFERENCE, "the loss is 1.00 nats higher"),
    "endings": (ENDLESS, "eval/stop_ce is 1.20 nats"),
}


def fired(run: RunData) -> dict[str, Advice]:
    return {advice.rule: advice for advice in analysed(run).advice}


@pytest.mark.parametrize("rule", FIRING)
def test_a_rule_fires_with_its_measurement(rule: str) -> None:
    run, because = FIRING[rule]
    assert because in fired(run)[rule].because


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_no_rule_fires_on_a_calm_run(rule: str) -> None:
    assert rule not in fired(calm_run())


def test_reading_that_falls_in_training_is_told_with_its_epochs() -> None:
    (found,) = [advice for name, advice in fired(FORGETTING).items() if name == "low_text_gain"]
    assert found.because == "eval/text_gain fell from 1.100 at epoch 0 to 0.500 at epoch 30"
    assert found.urgency < fired(LOW_GAIN)["low_text_gain"].urgency


def weakest(score: float) -> list[str]:
    run = calm_run()
    scores = Scores(
        {
            "smoothness": ShownScore(score),
            "naturalness": ShownScore(8.0),
            "overall": ShownScore(1.0),
        }
    )
    findings = find(run, rules().findings)
    worth = worth_of(run, findings, scores, rules().worth)
    found = advise(Case(run, findings, scores, worth, rules().advice))
    return [advice.because for advice in found if advice.rule == "weakest_aspect"]


def test_the_lowest_mark_is_worked_on_unless_it_is_good_enough() -> None:
    assert weakest(6.0) == ["Smoothness has the lowest score, 6.0 of 10"]
    assert weakest(7.5) == []


def test_every_rule_is_tried() -> None:
    assert {rule.__name__ for rule in RULES} == {*FIRING, "weakest_aspect", "no_better"}


def test_categories_that_nobody_named_count_for_nothing() -> None:
    assumed = clips_of({"neutral": 3, "question": 2}, assumed=True)
    assert "category_counts" not in fired(calm_run(clips=assumed))


def test_more_epochs_are_never_advised_to_a_run_that_overfits() -> None:
    assert "more_epochs" not in fired(overfitted_run(best=12))


def test_the_most_pressing_advice_comes_first() -> None:
    urgencies = [advice.urgency for advice in analysed(reference_run()).advice]
    assert urgencies == sorted(urgencies, reverse=True)


def test_too_few_epochs_are_not_taken_for_too_few_evaluations() -> None:
    run = RunData("short", histories={"eval/mel_ce": {0: 5.0, 1: 4.5}, "train/mel_ce": {1: 4.6}})
    advice = {entry.rule: entry.what for entry in analysed(run).advice}
    assert advice["evaluate_often"].startswith("Train more epochs")


def test_a_broken_loss_is_not_taken_for_too_few_evaluations() -> None:
    nan = float("nan")
    run = RunData("broken", histories={"eval/mel_ce": {0: nan, 1: nan}})
    assert [entry.rule for entry in analysed(run).advice] == ["broken_values"]
