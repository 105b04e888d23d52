"""Bring clips to one loudness, never above the true-peak ceiling."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import soxr
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE

if TYPE_CHECKING:
    import pyloudnorm

_OVERSAMPLING = 4  # ITU-R BS.1770-4 Annex 2
SILENCE = -99.0  # stands for minus infinity in tables
_LEAST_PEAK = 0.1  # BS.1770 leaves out what is below -70 LUFS, a programme's pauses: all of a clip
# that was recorded far too quietly, which is therefore measured louder.


@dataclass(frozen=True)
class Loudness:
    """Target in LUFS (ITU-R BS.1770), ceiling in dBTP."""

    target_lufs: float
    ceiling_dbtp: float

    def gain_db(self, samples: np.ndarray) -> float:
        """The gain that brings (n,) samples to the target, less where the peak would pass the
        ceiling: turning a clip down leaves its shape alone, a limiter would not."""
        loudness = integrated_lufs(samples)
        if loudness <= SILENCE:
            return 0.0
        return min(self.target_lufs - loudness, self.ceiling_dbtp - true_peak_db(samples))


def integrated_lufs(samples: np.ndarray) -> float:
    """Gated loudness of (n,) samples at 22,050 Hz; `SILENCE` for digital silence.

    Clips under the 0.4 s that one gating block needs are measured looped.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 10 ** (SILENCE / 20):
        return SILENCE
    raised = max(_LEAST_PEAK / peak, 1.0)
    block = int(0.4 * SAMPLE_RATE) + 1
    repeated = samples if len(samples) >= block else np.tile(samples, -(-block // len(samples)))
    with np.errstate(divide="ignore"):
        value = float(_meter().integrated_loudness(raised * repeated.astype(np.float64)))
    value -= 20 * np.log10(raised)
    return value if np.isfinite(value) and value > SILENCE else SILENCE


def true_peak_db(samples: np.ndarray) -> float:
    """Highest level between the samples too, in dBTP, by fourfold oversampling."""
    fine = soxr.resample(samples, SAMPLE_RATE, _OVERSAMPLING * SAMPLE_RATE, quality="HQ")
    peak = max(float(np.abs(fine).max(initial=0.0)), float(np.abs(samples).max(initial=0.0)))
    return 20 * np.log10(peak) if peak > 10 ** (SILENCE / 20) else SILENCE


@functools.cache
def _meter() -> pyloudnorm.Meter:
    import pyloudnorm

    return pyloudnorm.Meter(SAMPLE_RATE)
