"""Clips and statistics of them in, bootstrap draws and intervals out.

Takes of one sentence are no independent evidence, so sentences are drawn, with all of their takes
(cluster bootstrap; Davison and Hinkley, "Bootstrap methods and their application", 1997, 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An estimate, and the range that holds the truth with the stated confidence."""

    value: float
    low: float
    high: float


def draw_counts(sentences: Sequence[str], draws: int, seed: int) -> np.ndarray:
    """How often each clip is drawn, (draws, clips): clips with the same sentence come together."""
    names, member = np.unique(np.asarray(sentences), return_inverse=True)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[:, member]


def weighted_means(values: np.ndarray, weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of `values` (clips,) in every draw, (draws,); NaN values are left out, and a draw that
    holds nothing else is NaN."""
    known = ~np.isnan(values)
    drawn = counts[:, known] * weights[known]
    total = drawn.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, drawn @ values[known] / total, np.nan)


def interval(value: float, draws: np.ndarray, confidence: float) -> Interval:
    """Percentile interval of `draws` (NaN left out), moved so that their mean is the estimate:
    distances and spreads are larger in a bootstrap draw than in the sample."""
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return Interval(value, float("nan"), float("nan"))
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(known, (tail, 100 - tail)) + (value - known.mean())
    return Interval(value, float(low), float(high))


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    sentences: Sequence[str],
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of `second − first` over the same clips (n,) with its interval; pairs with a NaN are
    left out. An interval on one side of 0 is a difference that can be measured."""
    difference = second - first
    counts = draw_counts(sentences, draws, seed)
    ones = np.ones(len(difference))
    known = ~np.isnan(difference)
    value = float(difference[known].mean()) if known.any() else float("nan")
    return interval(value, weighted_means(difference, ones, counts), confidence)
