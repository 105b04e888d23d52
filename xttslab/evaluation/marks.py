"""A raw measure, a floor and a ceiling in, a mark out of 10 out.

mark = 10 · (value − floor) / (ceiling − floor), straight between the two and cut off beyond them.
The floor is what a failure measures, the ceiling what the speaker's own recordings measure, so 10
means "as the real recordings by this measure", never "perfect".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xttslab.evaluation.settings import FIXED, ScaleRule

HIGHEST = 10.0
_BEYOND = 1.25  # one clip may outweigh another, but a single lucky value not all the others
_NARROWEST = 0.25  # a measured scale must span this share of the fixed one


@dataclass(frozen=True)
class Anchor:
    """A value that a mark is read against, and where it comes from."""

    value: float
    source: str


@dataclass(frozen=True)
class Scale:
    """The straight line from mark 0 at `floor` to mark 10 at `ceiling`."""

    floor: Anchor
    ceiling: Anchor

    def share(self, values: np.ndarray) -> np.ndarray:
        """Where values lie between floor (0) and ceiling (1), cut to 0 … 1.25.

        Real recordings vary around the ceiling: clips above it may make up for clips below, or the
        mean of real recordings would not get 10. NaN stays NaN.
        """
        span = self.ceiling.value - self.floor.value
        return np.clip((values - self.floor.value) / span, 0.0, _BEYOND)


def to_mark(share: np.ndarray | float) -> np.ndarray:
    """A share of the way from floor to ceiling as a mark, 0 to 10."""
    return HIGHEST * np.clip(share, 0.0, 1.0)


def make_scale(rule: ScaleRule, floor: Anchor | None, ceiling: Anchor | None) -> Scale:
    """The rule's scale with the measured ends, where there are any.

    Measured ends that turn the scale round or make it narrower than a quarter of the fixed one
    would turn noise into marks; the fixed ends then stand, and their source says so.
    """
    scale = Scale(floor or Anchor(rule.floor, FIXED), ceiling or Anchor(rule.ceiling, FIXED))
    width = (scale.ceiling.value - scale.floor.value) / (rule.ceiling - rule.floor)
    if width >= _NARROWEST:
        return scale
    found = f"measured {scale.floor.value:.3g} to {scale.ceiling.value:.3g} is too narrow"
    return Scale(Anchor(rule.floor, f"{FIXED}: {found}"), Anchor(rule.ceiling, f"{FIXED}: {found}"))
