"""Numbers in, bars with labels out, ready to be drawn by the template and read as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_BINS = 16


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its count, and its height as a part of the highest."""

    label: str
    count: float
    height: float
    low: bool = False


@dataclass(frozen=True)
class Chart:
    """A bar chart; `summary` says in words what it shows. `named`: its bars stand for names, not
    for places on an axis."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    summary: str
    named: bool = False

    @property
    def longest_label(self) -> int:
        """In letters."""
        return max(len(bar.label) for bar in self.bars)


def histogram(title: str, unit: str, values: Sequence[float], digits: int = 1) -> Chart | None:
    """How the values spread, in at most 16 bins of a round width; None without values."""
    if not values:
        return None
    data = np.array(values, float)
    width = _round_width((data.max() - data.min()) / _BINS)
    first = np.floor(data.min() / width)
    count = int(np.floor(data.max() / width) - first) + 1
    edges = (first + np.arange(count + 1)) * width
    counts, _ = np.histogram(data.clip(edges[0], edges[-1]), edges)
    labels = [f"{edge:.{_digits(width)}f}" for edge in edges[:-1]]
    low, middle, high = np.quantile(data, (0.05, 0.5, 0.95))
    summary = (
        f"median {middle:.{digits}f} {unit}, 90 % between {low:.{digits}f} and {high:.{digits}f}"
    )
    return Chart(title, unit, _bars(labels, counts.tolist()), summary)


def counts(title: str, unit: str, values: Mapping[str, float], least: float = 0.0) -> Chart | None:
    """One bar a name, in the order given; bars under `least` are marked. None without names."""
    if not values:
        return None
    bars = _bars(list(values), list(values.values()), least)
    few = [bar.label for bar in bars if bar.low]
    summary = f"{sum(values.values()):g} {unit} in all"
    if few:
        summary = f"fewer than {least:g}: {', '.join(few)}"
    return Chart(title, unit, bars, summary, named=True)


def _bars(labels: Sequence[str], values: Sequence[float], least: float = 0.0) -> tuple[Bar, ...]:
    highest = max(values) or 1
    pairs = zip(labels, values, strict=True)
    return tuple(Bar(label, value, value / highest, value < least) for label, value in pairs)


def _round_width(width: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= width * 0.999))


def _digits(width: float) -> int:
    return max(0, -int(np.floor(np.log10(width))))
