"""Analyses the curve of a metric: best epoch, sustained rises, spikes and trend.

Everything is measured against the curve's own noise, so that a jumpy curve needs a larger rise
before it is called one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import linregress

_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_INTERPOLATED = math.sqrt(1.5)  # spread of a point minus the mean of its two neighbours, in sigmas


@dataclass(frozen=True)
class CurveRules:
    """When a change of a curve counts; `conf/rules/` says why each value is what it is.

    `least_rise` in nats, `least_slope` in nats per epoch; a rise must also pass `noise_factor`
    times the curve's noise, a slope have a p-value below `p_value`.
    """

    least_points: int
    least_rise: float
    noise_factor: float
    least_slope: float
    p_value: float
    furthest: float  # extrapolate to at most this many times the epochs that were run


@dataclass(frozen=True)
class Rise:
    """The curve's low point and the sustained rise after it. `share_lost` is the part of the
    gain since the start that the rise took back."""

    low_epoch: int
    low: float
    high_epoch: int
    high: float
    share_lost: float

    @property
    def loss(self) -> str:
        """What the rise took back, in words."""
        if math.isinf(self.share_lost):
            return "and had gained nothing before"
        return f"losing {self.share_lost:.0%} of what it had gained"


@dataclass(frozen=True)
class Trend:
    """Slope of the last third, in nats per epoch, and how far it is worth going on. `unclear`: it
    falls by enough to count, but that may be chance."""

    slope: float
    falling: bool
    worth_until: int | None
    unclear: bool = False


@dataclass(frozen=True)
class Curve:
    """Finite values by epoch, ascending; `broken` are the epochs whose value was no number."""

    name: str
    points: Mapping[int, float]
    broken: tuple[int, ...] = ()

    @property
    def best(self) -> tuple[int, float] | None:
        """Epoch and value of the lowest point, the earliest of equals."""
        if not self.points:
            return None
        epoch = min(self.points, key=lambda e: (self.points[e], e))
        return epoch, self.points[epoch]

    @property
    def first(self) -> tuple[int, float] | None:
        """Epoch and value of the first point; None without any."""
        return next(iter(self.points.items()), None)

    @property
    def last(self) -> tuple[int, float] | None:
        """Epoch and value of the last point; None without any."""
        return next(reversed(self.points.items()), None)


def curve(name: str, history: Mapping[int, float]) -> Curve:
    """Sort a history by epoch and set aside what is not a finite number."""
    ordered = dict(sorted(history.items()))
    points = {epoch: value for epoch, value in ordered.items() if math.isfinite(value)}
    return Curve(name, points, tuple(epoch for epoch in ordered if epoch not in points))


def noise(line: Curve) -> float:
    """Standard deviation of a point around the line between its neighbours; 0 below 3 points."""
    epochs, values = _arrays(line)
    if len(epochs) < 3:
        return 0.0
    between = [
        np.interp(epochs[i], epochs[[i - 1, i + 1]], values[[i - 1, i + 1]])
        for i in range(1, len(epochs) - 1)
    ]
    residuals = np.abs(values[1:-1] - np.array(between))
    return float(np.median(residuals) * _MAD_TO_SIGMA / _INTERPOLATED)


def largest_rise(line: Curve, rules: CurveRules) -> Rise | None:
    """The largest rise from a low to a high that two points in a row show each.

    None when no rise passes both `least_rise` and `noise_factor` times the curve's noise; pairs,
    since of thirty noisy points the lowest and the highest alone lie four sigmas apart.
    """
    found: Rise | None = None
    needed = max(rules.least_rise, rules.noise_factor * noise(line))
    lows = _running_lows(line)
    low_pair = math.inf
    for (epoch, value), (next_epoch, after) in pairwise(line.points.items()):
        low_epoch, low = lows[epoch]
        low_pair = min(low_pair, max(value, after))
        if min(value, after) - low_pair <= needed:
            continue
        high_epoch, high = max(((epoch, value), (next_epoch, after)), key=lambda point: point[1])
        if found is None or high - low > found.high - found.low:
            gain = line.first[1] - low
            lost = (high - low) / gain if gain > 0 else math.inf
            found = Rise(low_epoch, low, high_epoch, high, lost)
    return found


def spikes(line: Curve, rules: CurveRules) -> tuple[int, ...]:
    """Epochs that stand out above both neighbours and go back again."""
    needed = max(rules.least_rise, rules.noise_factor * noise(line))
    epochs = list(line.points)
    return tuple(
        middle
        for before, middle, after in zip(epochs, epochs[1:], epochs[2:], strict=False)
        if line.points[middle] - max(line.points[before], line.points[after]) > needed
    )


def trend(line: Curve, rules: CurveRules) -> Trend | None:
    """Whether the curve still falls in its last third; None below `least_points` points."""
    epochs, values = _arrays(line)
    part = max(rules.least_points, math.ceil(len(epochs) / 3))
    if len(epochs) < part:
        return None
    fit = linregress(epochs[-part:], values[-part:], alternative="less")
    steep = bool(fit.slope < -rules.least_slope)
    falling = steep and bool(fit.pvalue < rules.p_value)
    worth_until = _worth_until(line, rules) if falling else None
    return Trend(float(fit.slope), falling, worth_until, unclear=steep and not falling)


def _worth_until(line: Curve, rules: CurveRules) -> int:
    """The epoch at which an exponential through the curve gains less than `least_slope`."""
    epochs, values = _arrays(line)
    last = int(epochs[-1])
    limit = math.ceil(last * rules.furthest)
    start = (values[-1], max(values[0] - values[-1], 1e-3), 3 / max(last, 1))
    try:
        (_, drop, rate), _ = curve_fit(
            lambda e, floor, drop, rate: floor + drop * np.exp(-rate * e),
            epochs, values, p0=start, bounds=([-np.inf, 0, 1e-4], np.inf), maxfev=5000,
        )  # fmt: skip
    except (RuntimeError, OptimizeWarning, TypeError):  # no fit; or fewer points than unknowns
        return limit
    slope = drop * rate
    reached = math.log(slope / rules.least_slope) / rate if slope > rules.least_slope else last
    return int(min(max(math.ceil(reached), last + 1), limit))


def _running_lows(line: Curve) -> dict[int, tuple[int, float]]:
    """Epoch → epoch and value of the lowest point up to it."""
    lows: dict[int, tuple[int, float]] = {}
    low: tuple[int, float] | None = None
    for epoch, value in line.points.items():
        if low is None or value < low[1]:
            low = (epoch, value)
        lows[epoch] = low
    return lows


def _arrays(line: Curve) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(line.points), dtype=float), np.array(list(line.points.values()))
