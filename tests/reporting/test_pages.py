"""What a report says in words fits the numbers that it says them of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reporting.runs import analysed, calm_run, falling, overfitted_run, rules
from xttslab.reporting.pages import report_content
from xttslab.reporting.run_data import RunData


def content(run: RunData) -> dict:
    return report_content(analysed(run), rules())


def with_losses(held_out: dict[int, float], **changes: dict[int, float]) -> RunData:
    """A calm run with these held-out losses."""
    calm = calm_run()
    changed = {name.replace("__", "/"): values for name, values in changes.items()}
    return replace(calm, histories={**calm.histories, "eval/mel_ce": held_out, **changed})


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (-0.0015, "eval/mel_ce falls by no more than 0.0015 nats an epoch: more epochs will"),
        (0.0015, "eval/mel_ce no longer falls (+0.0015 nats an epoch): more epochs will not help."),
    ],
)
def test_a_slow_fall_is_not_called_none(slope: float, words: str) -> None:
    found = content(with_losses({e: 4.0 + slope * e for e in range(31)}))
    assert found["trend"].startswith(words)


def test_what_overfitted_is_not_told_to_go_on() -> None:
    turned = {e: 4.0 + 0.05 * e for e in range(15)} | {e: 5.5 - 0.05 * e for e in range(15, 31)}
    train = falling(4.0, 2.0, 30)
    run = with_losses(turned, train_eval__mel_ce=train)
    found = content(run)
    assert found["overfitting"].startswith("Overfitting after epoch 0")
    assert found["trend"] == (
        "eval/mel_ce falls by 0.0500 nats an epoch at the end, but the training overfitted before: "
        "more epochs are not advised."
    )
    assert "more_epochs" not in {advice.rule for advice in found["advice"]}


def test_no_overfitting_is_said_with_its_numbers_and_not_against_the_gap() -> None:
    calm = content(with_losses({e: 4.0 - 0.01 * e for e in range(30)} | {30: 3.73}))
    assert calm["overfitting"] == (
        "No overfitting: the held-out loss does not rise for good while the training loss falls "
        "(0.020 above its lowest, of epoch 29 at the end)."
    )
    wide = content(with_losses(falling(5.0, 3.5, 30), gap__mel_ce=dict.fromkeys(range(31), 2.3)))
    assert wide["overfitting"] == (
        "The gap shows overfitting (severe overfitting, memorised (above 2.0)), though the "
        "held-out loss does not rise for good while the training loss falls (lowest at the end)."
    )


def test_a_small_gap_is_no_praise_of_a_model_that_learned_nothing() -> None:
    flat = dict.fromkeys(range(31), 6.9)
    found = content(with_losses(flat, gap__mel_ce=dict.fromkeys(range(31), 0.01)))
    assert found["gap_verdict"] == "a small gap (below 0.5)"


def test_a_run_that_only_got_worse_lost_nothing_it_had_gained() -> None:
    run = RunData("worse", histories={"train/mel_ce": {e: 4.0 + e / 10 for e in range(1, 12)}})
    found = content(run)
    assert found["instability"].endswith("5.100 at epoch 11, and had gained nothing before.")
    (advice,) = [entry for entry in found["advice"] if entry.rule == "unstable"]
    assert advice.because.endswith("5.100 at epoch 11, and had gained nothing before")


def test_advice_and_report_name_the_same_checkpoint() -> None:
    """The rise was in the middle; what fell after it is lower still."""
    losses = {e: 4.0 - 0.02 * e for e in range(10)}
    losses |= {e: 3.8 + 0.05 * (e - 9) for e in range(10, 20)}
    losses |= {e: 4.3 - 0.1 * (e - 19) for e in range(20, 31)}
    run = with_losses(losses, train_eval__mel_ce=falling(4.0, 2.0, 30))
    found = content(run)
    assert found["checkpoint"].startswith("Use the checkpoint of epoch 30:")
    (advice,) = [entry for entry in found["advice"] if entry.rule == "overfitted"]
    assert advice.what.startswith("Use the checkpoint of epoch 30;")


def test_a_run_that_overfits_from_the_start_is_not_told_to_train_0_epochs() -> None:
    (advice,) = [a for a in content(overfitted_run(best=0))["advice"] if a.rule == "overfitted"]
    assert advice.what.startswith("Use the model as it was before this training;")


@pytest.mark.parametrize(
    ("value", "shown", "status"),
    [
        (3.499999, "eval/mel_ce 3.499999", "met"),
        (3.5, "eval/mel_ce 3.5", "not met"),
        (3.1, "eval/mel_ce 3.1", "met"),
    ],
)
def test_a_gates_value_is_on_the_side_that_its_state_says(value, shown, status) -> None:
    gate = content(with_losses({0: 5.0, 1: 5.0, 2: value}))["gates"][0]
    assert gate["name"] == "Mel CE < 3.5"
    assert (gate["value"], gate["status"]) == (shown, status)
