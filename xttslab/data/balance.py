"""Balances categories: how often each clip is seen in an epoch.

Imports no torch, for the audit of a data set shows the balance, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

Balance = Literal["none", "sqrt", "equal"]
_POWER = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}


def repeats(groups: Sequence[str], balance: Balance, most: int) -> np.ndarray:
    """Expected times (n,) that each clip is seen in an epoch of about n clips.

    A group of g clips gets a share proportional to g (none), √g (sqrt) or 1 (equal), and no clip
    is seen more than `most` times. "none" is exactly one each. The whole is scaled so that the
    largest group is seen once: balancing adds repeats of rare clips and never drops a clip.
    Clips without a group ("") are seen once.
    """
    if balance == "none":
        return np.ones(len(groups))
    sizes = Counter(group for group in groups if group)
    largest = max(sizes.values(), default=1)
    rate = {group: (size / largest) ** (_POWER[balance] - 1) for group, size in sizes.items()}
    return np.array([min(rate.get(group, 1.0), most) for group in groups])


def draw(expected: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Clip numbers of one epoch: the whole part of each expectation, the rest by chance."""
    whole = np.floor(expected).astype(int)
    extra = random.random(len(expected)) < expected - whole
    return np.repeat(np.arange(len(expected)), whole + extra)


def shares(groups: Sequence[str], expected: np.ndarray) -> dict[str, float]:
    """Each group's part of the clips of an epoch, 0 to 1."""
    totals: Counter[str] = Counter()
    for group, times in zip(groups, expected, strict=True):
        totals[group] += float(times)
    return {group: totals[group] / expected.sum() for group in sorted(totals)}
