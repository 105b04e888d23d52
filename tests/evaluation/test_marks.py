import numpy as np
import pytest

from xttslab.evaluation.marks import Anchor, Scale, make_scale, to_mark
from xttslab.evaluation.settings import ScaleRule

RULE = ScaleRule(0.95, 0.10, "mismatched", "real")


def test_marks_lie_straight_between_floor_and_ceiling_either_way_up() -> None:
    rising = Scale(Anchor(2.0, ""), Anchor(4.0, ""))
    falling = Scale(Anchor(0.9, ""), Anchor(0.1, ""))
    assert to_mark(rising.share(np.array([1.0, 2.0, 3.0, 4.0, 9.0]))).tolist() == [0, 0, 5, 10, 10]
    assert to_mark(falling.share(np.array([2.0, 0.5, 0.1]))) == pytest.approx([0, 5, 10])


def test_single_clips_may_pass_the_ceiling_a_little_so_that_real_speech_averages_10() -> None:
    scale = Scale(Anchor(0.0, ""), Anchor(1.0, ""))
    assert scale.share(np.array([1.1, 5.0])).tolist() == [1.1, 1.25]
    assert np.isnan(scale.share(np.array([np.nan]))[0])


def test_measured_ends_replace_the_fixed_ones() -> None:
    scale = make_scale(RULE, Anchor(0.9, "shuffled"), Anchor(0.2, "real"))
    assert (scale.floor, scale.ceiling) == (Anchor(0.9, "shuffled"), Anchor(0.2, "real"))
    assert make_scale(RULE, None, None).floor == Anchor(0.95, "fixed")


@pytest.mark.parametrize("ceiling", [0.8, 0.95, 1.4])
def test_measured_ends_that_lie_too_close_or_cross_are_not_used(ceiling: float) -> None:
    scale = make_scale(RULE, Anchor(0.9, "shuffled"), Anchor(ceiling, "real"))
    assert (scale.floor.value, scale.ceiling.value) == (0.95, 0.10)
    assert scale.ceiling.source.startswith(f"fixed: measured 0.9 to {ceiling:.3g} is too narrow")
