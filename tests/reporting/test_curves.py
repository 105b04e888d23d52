"""What the shape of a curve says, with numbers known beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.reporting.runs import rules
from xttslab.reporting.curves import Curve, curve, largest_rise, noise, spikes, trend

RULES = rules().findings.curves


def line(*values: float) -> Curve:
    return curve("x", dict(enumerate(values)))


def test_values_that_are_no_numbers_are_set_aside() -> None:
    found = curve("x", {2: 1.0, 0: math.nan, 1: math.inf})
    assert (dict(found.points), found.broken) == ({2: 1.0}, (0, 1))


def test_the_earliest_of_equal_lows_is_best() -> None:
    assert line(3.0, 2.0, 2.0).best == (1, 2.0)
    assert line().best is None


def test_noise_is_the_spread_around_the_neighbours() -> None:
    random = np.random.default_rng(0)
    values = np.linspace(5, 4, 4000) + random.normal(0, 0.1, 4000)
    assert noise(line(*values)) == pytest.approx(0.1, rel=0.05)
    assert noise(line(*np.linspace(5, 4, 50))) == pytest.approx(0.0, abs=1e-12)


def test_a_single_high_point_is_a_spike_and_no_rise() -> None:
    values = [5.0, 4.5, 4.2, 4.0, 6.0, 3.9, 3.8, 3.7, 3.65, 3.6]
    assert spikes(line(*values), RULES) == (4,)
    assert largest_rise(line(*values), RULES) is None


def test_a_noisy_flat_curve_does_not_rise() -> None:
    found = 0
    for seed in range(50):
        values = 4.0 + np.random.default_rng(seed).normal(0, 0.1, 30)
        found += largest_rise(line(*values), RULES) is not None
    assert found <= 5


def test_a_rise_that_the_run_got_over_is_still_found() -> None:
    rise = largest_rise(line(5.0, 4.0, 4.0, 4.2, 4.5, 4.7, 4.7, 4.5, 4.2, 3.9, 3.8, 3.7), RULES)
    assert (rise.low_epoch, rise.high_epoch, rise.high) == (1, 5, 4.7)
    assert rise.share_lost == pytest.approx(0.7)


def test_the_trend_looks_at_the_last_third() -> None:
    flat = trend(line(*[6 - n * 0.2 for n in range(20)], *[2.0, 2.01, 1.99, 2.0] * 3), RULES)
    assert (flat.falling, flat.unclear) == (False, False)
    falls = trend(line(*[6 * 0.97**n for n in range(30)]), RULES)
    assert falls.falling
    assert falls.worth_until == 58  # twice the 29 epochs that were run
    assert trend(line(5.0, 4.0), RULES) is None
    short = trend(line(0.507, 0.397, 0.393, 0.389), RULES)  # one step down: enough, but chance?
    assert (short.falling, short.unclear) == (False, True)
    assert short.slope == pytest.approx(-0.0358)


def test_going_on_ends_where_the_fitted_gain_becomes_too_small() -> None:
    values = [4 + 2 * math.exp(-0.15 * n) for n in range(21)]
    reached = math.log(2 * 0.15 / RULES.least_slope) / 0.15
    assert trend(line(*values), RULES).worth_until == pytest.approx(math.ceil(reached), abs=1)
