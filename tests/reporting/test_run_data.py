"""A run's metrics are found under their names of today, whenever it was logged."""

from __future__ import annotations

import pytest

from xttslab.reporting.run_data import completed


def test_a_former_name_is_read_as_the_name_of_today() -> None:
    found = completed({"eval/reads": {0: 0.5, 1: 0.75}, "eval/mel_ce": {0: 5.0}})
    assert found == {"eval/text_gain": {0: 0.5, 1: 0.75}, "eval/mel_ce": {0: 5.0}}


def test_a_run_that_was_resumed_under_the_new_name_has_one_history() -> None:
    found = completed({"eval/reads": {0: 0.5, 1: 0.75}, "eval/text_gain": {1: 0.7, 2: 0.9}})
    assert found == {"eval/text_gain": {0: 0.5, 1: 0.7, 2: 0.9}}


def test_either_text_loss_gives_the_other() -> None:
    found = completed({"eval/text_ce_weighted": {3: 0.02}, "train/text_ce": {3: 3.0}}, 0.01)
    assert found["eval/text_ce"][3] == pytest.approx(2.0)
    assert found["train/text_ce_weighted"][3] == pytest.approx(0.03)
