import numpy as np
import pytest

from xttslab.evaluation.intervals import draw_counts, interval, paired_difference, weighted_means


def test_takes_of_one_sentence_are_drawn_together() -> None:
    counts = draw_counts(["a", "b", "a", "c"], draws=200, seed=1)
    assert counts.shape == (200, 4)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_weighted_means_leave_nan_out() -> None:
    counts = np.array([[1, 1, 1], [0, 0, 2], [2, 1, 0]])
    found = weighted_means(np.array([1.0, 4.0, np.nan]), np.array([1.0, 2.0, 1.0]), counts)
    assert found[0] == pytest.approx(3.0)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((2 * 1 + 2 * 4) / 4)


def test_an_interval_is_moved_to_its_estimate() -> None:
    found = interval(5.0, np.linspace(7.0, 9.0, 1001), 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 4.05, 5.95))


def test_intervals_hold_the_truth_about_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        sample = random.normal(3.0, 1.0, 40)
        draws = weighted_means(sample, np.ones(40), draw_counts([*map(str, range(40))], 400, trial))
        found = interval(sample.mean(), draws, 0.95)
        held += found.low <= 3.0 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_nothing_known_gives_no_interval() -> None:
    found = interval(float("nan"), np.array([np.nan]), 0.95)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_a_paired_difference_sees_what_the_spread_of_clips_hides() -> None:
    random = np.random.default_rng(0)
    first = random.normal(5, 3, 40)
    second = first + 0.5 + random.normal(0, 0.2, 40)
    found = paired_difference(first, second, [str(i) for i in range(40)])
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert 0.3 < found.low < found.value < found.high < 0.7


def test_equal_clips_have_no_measurable_difference() -> None:
    marks = np.array([4.0, 6.0, np.nan, 8.0])
    found = paired_difference(marks, marks, ["a", "b", "c", "d"])
    assert (found.value, found.low, found.high) == (0, 0, 0)
