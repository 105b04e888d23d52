"""Mixing weights in, a speaker's style table out.

Kokoro's style is 256 numbers for each length of the phoneme string: the first 128 shape the
timbre (decoder), the last 128 the prosody (duration and pitch predictor). Weighted sums of known
styles are speakers of their own, and the two halves can be mixed apart: one speaker's timbre,
several ways to speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STYLES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
TIMBRE = 128


@dataclass(frozen=True)
class Voice:
    """Weights over STYLES, each half summing to 1; values outside 0–1 extrapolate."""

    timbre: tuple[float, ...]
    prosody: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, weights in (("timbre", self.timbre), ("prosody", self.prosody)):
            if len(weights) != len(STYLES) or abs(sum(weights) - 1) > 1e-3:
                raise ValueError(
                    f"{name} weights must be {len(STYLES)} numbers of sum 1: {weights}"
                )

    def style(self, table: np.ndarray) -> np.ndarray:
        """Mix `table` (len(STYLES), lengths, 256) into this voice's (lengths, 256)."""
        timbre = np.tensordot(self.timbre, table[..., :TIMBRE], axes=1)
        prosody = np.tensordot(self.prosody, table[..., TIMBRE:], axes=1)
        return np.concatenate([timbre, prosody], axis=-1).astype(np.float32)


def blend(weights: dict[str, float]) -> tuple[float, ...]:
    """`{"jm_kumo": 0.7, "jf_nezumi": 0.3}` → weights in the order of STYLES."""
    unknown = sorted(set(weights) - set(STYLES))
    if unknown:
        raise ValueError(f"unknown styles {unknown}; the model has {', '.join(STYLES)}")
    return tuple(weights.get(style, 0.0) for style in STYLES)


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """How far two mixes are apart: half the L1 distance, 1 for two different pure styles."""
    return float(np.abs(np.subtract(one, other)).sum() / 2)
