"""Each rule has a run that fires it and one that does not (the calm run fires none)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.reporting.runs import (
    analysed,
    calm_run,
    clips_of,
    falling,
    overfitted_run,
    rules,
    seed_run,
)
from xttslab.reporting.advice import Advice, Case
from xttslab.reporting.findings import find
from xttslab.reporting.recommendations import RULES, advise
from xttslab.reporting.record import RunData
from xttslab.reporting.scores import Mark, Scores


def with_history(name: str, values: dict[int, float], **changes: object) -> RunData:
    calm = calm_run()
    return replace(calm, histories={**calm.histories, name: values}, **changes)


BROKEN = with_history("train/mel_ce", {1: 4.0, 2: math.nan, 3: 3.9, 4: 3.8})
FALLING = with_history("eval/mel_ce", falling(6.0, 2.0, 30, rate=0.03))
WIDE_GAP = with_history("gap/mel_ce", dict.fromkeys(range(31), 0.8))
CLIPPED = with_history("grad_clipped", dict.fromkeys(range(1, 31), 0.9))
OTHER_REFERENCE = with_history("eval_ref/mel_ce", dict.fromkeys(range(31), 3.0))
ENDLESS = with_history("eval/stop_ce", dict.fromkeys(range(31), 1.2))
DEAF = with_history("eval/reads", dict.fromkeys(range(31), 0.02))
FORGETTING = with_history("eval/reads", {e: 1.1 - 0.02 * e for e in range(31)})

FIRING = {
    "broken_values": (BROKEN, "train/mel_ce at 1 epochs, first at 2"),
    "unstable": (seed_run(), "from 4.280 at epoch 15 to 5.069 at epoch 29"),
    "evaluate_often": (seed_run(), "eval/mel_ce has 1 value"),
    "overfitted": (overfitted_run(best=12), "while the training loss fell"),
    "memorised": (WIDE_GAP, "gap/mel_ce is 0.80 nats: moderate overfitting"),
    "reading": (DEAF, "eval/reads is 0.020 nats at epoch 30, near zero"),
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
    (found,) = [advice for name, advice in fired(FORGETTING).items() if name == "reading"]
    assert found.because == "eval/reads fell from 1.100 at epoch 0 to 0.500 at epoch 30"
    assert found.urgency < fired(DEAF)["reading"].urgency


def weakest(mark: float) -> list[str]:
    run = calm_run()
    scores = Scores({"smoothness": Mark(mark), "naturalness": Mark(8.0), "overall": Mark(1.0)})
    found = advise(Case(run, find(run, rules().findings), scores, rules().advice))
    return [advice.because for advice in found if advice.rule == "weakest_aspect"]


def test_the_lowest_mark_is_worked_on_unless_it_is_good_enough() -> None:
    assert weakest(6.0) == ["Smoothness has the lowest mark, 6.0 of 10"]
    assert weakest(7.5) == []


def test_every_rule_is_tried() -> None:
    assert {rule.__name__ for rule in RULES} == {*FIRING, "weakest_aspect"}


def test_categories_that_nobody_named_count_for_nothing() -> None:
    assumed = clips_of({"neutral": 3, "question": 2}, assumed=True)
    assert "category_counts" not in fired(calm_run(clips=assumed))


def test_more_epochs_are_never_advised_to_a_run_that_overfits() -> None:
    assert "more_epochs" not in fired(overfitted_run(best=12))


def test_the_most_pressing_advice_comes_first() -> None:
    urgencies = [advice.urgency for advice in analysed(seed_run()).advice]
    assert urgencies == sorted(urgencies, reverse=True)


def test_too_few_epochs_are_not_taken_for_too_few_evaluations() -> None:
    run = RunData("short", histories={"eval/mel_ce": {0: 5.0, 1: 4.5}, "train/mel_ce": {1: 4.6}})
    advice = {entry.rule: entry.what for entry in analysed(run).advice}
    assert advice["evaluate_often"].startswith("Train more epochs")


def test_a_broken_loss_is_not_taken_for_too_few_evaluations() -> None:
    nan = float("nan")
    run = RunData("broken", histories={"eval/mel_ce": {0: nan, 1: nan}})
    assert [entry.rule for entry in analysed(run).advice] == ["broken_values"]
