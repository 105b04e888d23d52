"""Loss and marks become one number to choose the best checkpoint by."""

from __future__ import annotations

import math

import pytest

from xttslab.training.selection import Selection

CHOICE = Selection("eval/mel_ce", "score/overall", 0.1)


def test_a_better_voice_may_outweigh_a_higher_loss() -> None:
    worse_loss = CHOICE.value({"eval/mel_ce": 4.2}, {"score/overall": 7.0})
    better_loss = CHOICE.value({"eval/mel_ce": 4.0}, {"score/overall": 4.0})
    assert worse_loss == pytest.approx(3.5)
    assert better_loss == pytest.approx(3.6)


def test_a_mark_that_was_not_measured_leaves_the_loss_alone() -> None:
    assert CHOICE.value({"eval/mel_ce": 4.2}, {"score/smoothness": 7.0}) == 4.2


def test_without_a_loss_nothing_is_chosen() -> None:
    assert math.isnan(CHOICE.value({}, {"score/overall": 7.0}))
