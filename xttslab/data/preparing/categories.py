"""Proposes a category for each clip from its text and prosody, for a person to confirm.

The rules are in conf/prepare/categories.yaml. Prosody is compared with the speaker's own median in
the same set, so the rules hold for every voice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import dataclasses as checked

from xttslab.data.manifest import ASSUMED


@dataclass(frozen=True)
class ClipDelivery:
    """How a clip is spoken: measurements and its text; a measurement may be missing."""

    text: str
    measures: Mapping[str, float]

    @property
    def rate(self) -> float | None:
        """Characters a second."""
        seconds = self.measures.get("seconds", 0.0)
        return len(self.text) / seconds if seconds else None


@checked.dataclass(frozen=True)
class Rule:
    """Proposes `category` where the text matches (any case) and the prosody lies so far from the
    median: pitch and pitch range in semitones, speaking rate as a factor. None: does not matter."""

    category: str
    text: str | None = None
    pitch_above_st: float | None = None
    range_above_st: float | None = None
    rate_below: float | None = None

    def holds(self, clip: ClipDelivery, usual: Mapping[str, float]) -> bool:
        """Whether the rule applies to a clip of a set with the medians `usual`."""
        if self.text is not None and not re.search(self.text, clip.text, re.IGNORECASE):
            return False
        pitch, spread = clip.measures.get("pitch_hz"), clip.measures.get("pitch_range_st")
        if self.pitch_above_st is not None and not (
            pitch and 12 * np.log2(pitch / usual["pitch_hz"]) >= self.pitch_above_st
        ):
            return False
        if self.range_above_st is not None and not (
            spread and spread - usual["pitch_range_st"] >= self.range_above_st
        ):
            return False
        rate = clip.rate
        return self.rate_below is None or bool(rate and rate <= self.rate_below * usual["rate"])


@dataclass(frozen=True)
class Proposer:
    """Proposes the category of the first rule that holds, else neutral."""

    rules: Sequence[Rule]

    def propose(self, clips: Sequence[ClipDelivery]) -> list[str]:
        """One category for every clip of a set."""
        usual = {
            "pitch_hz": _median([clip.measures.get("pitch_hz") for clip in clips]),
            "pitch_range_st": _median([clip.measures.get("pitch_range_st") for clip in clips]),
            "rate": _median([clip.rate for clip in clips]),
        }
        return [
            next((rule.category for rule in self.rules if rule.holds(clip, usual)), ASSUMED)
            for clip in clips
        ]


def proposer(rules: Sequence[Mapping[str, Any]]) -> Proposer:
    """A proposer from rules as they stand in the configuration."""
    return Proposer([Rule(**rule) for rule in rules])


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value]
    return float(np.median(known)) if known else 1.0
