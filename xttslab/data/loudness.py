"""Measures and sets the loudness of speech (ITU-R BS.1770), with a ceiling for its true peaks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import soxr
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError

if TYPE_CHECKING:
    import pyloudnorm

SILENCE = -99.0  # stands for minus infinity in tables
_OVERSAMPLING = 4  # ITU-R BS.1770-4 Annex 2
# BS.1770 leaves out what is below -70 LUFS, a programme's pauses. That is all of a clip that was
# recorded far too quietly, which is therefore measured with its peak raised to this.
_LEAST_PEAK = 0.1
_LOOK_AHEAD = 0.004  # seconds over which a peak is taken down: no click, no pumping
_MOST_LIMITED = 9.0  # dB that the highest peak is taken down at most
_NEAR = 0.05  # LUFS
LOUDEST, QUIETEST = -6.0, -40.0  # LUFS that a target may be


def integrated_lufs(samples: np.ndarray, rate: int = SAMPLE_RATE) -> float:
    """Gated loudness of (n,) samples; `SILENCE` for digital silence.

    Clips under the 0.4 s that one gating block needs are measured looped.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 10 ** (SILENCE / 20):
        return SILENCE
    raised = max(_LEAST_PEAK / peak, 1.0)
    block = int(0.4 * rate) + 1
    repeated = samples if len(samples) >= block else np.tile(samples, -(-block // len(samples)))
    with np.errstate(divide="ignore"):
        value = float(_meter(rate).integrated_loudness(raised * repeated.astype(np.float64)))
    value -= 20 * np.log10(raised)
    return value if np.isfinite(value) and value > SILENCE else SILENCE


def true_peak_db(samples: np.ndarray, rate: int = SAMPLE_RATE) -> float:
    """Highest level between the samples too, in dBTP, by fourfold oversampling."""
    peak = float(_peaks(samples, rate).max(initial=0.0))
    return 20 * np.log10(peak) if peak > 10 ** (SILENCE / 20) else SILENCE


def require_target(lufs: float | None, ceiling: float | None) -> None:
    """Raise UserError for a loudness or a ceiling that no recording should have."""
    if lufs is not None and not _lies_in(lufs, QUIETEST, LOUDEST):
        wanted = f"give {QUIETEST:g} to {LOUDEST:g}; podcasts have -16, broadcasts -23"
        raise UserError(f"lufs={lufs}: {wanted}")
    if not _lies_in(ceiling, -20, 0):
        raise UserError(f"true_peak={ceiling}: give -20 to 0 dBTP; -1 is usual")


def _lies_in(value: object, least: float, most: float) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and least <= value <= most


def to_lufs(samples: np.ndarray, rate: int, target: float, ceiling: float) -> np.ndarray:
    """(n,) samples at `target` LUFS with true peaks under `ceiling` dBTP.

    Peaks that would pass the ceiling are taken down by a look-ahead limiter, by at most 9 dB;
    speech that would need more stays as much quieter.
    """
    loudness = integrated_lufs(samples, rate)
    if loudness <= SILENCE:
        return samples
    most = ceiling + _MOST_LIMITED - true_peak_db(samples, rate)
    gain = target - loudness
    limited = samples
    for _ in range(6):  # what the limiter takes is given back by gain
        gain = min(gain, most)
        limited = _limited(samples * np.float32(10 ** (gain / 20)), rate, ceiling)
        missing = target - integrated_lufs(limited, rate)
        if abs(missing) < _NEAR or gain == most:
            break
        gain += missing
    return limited


def _limited(samples: np.ndarray, rate: int, ceiling: float) -> np.ndarray:
    """Samples whose true peaks are under the ceiling: the gain falls before a peak, is lowest at
    it, and rises behind it, each within _LOOK_AHEAD."""
    highest = 10 ** (ceiling / 20)
    wanted = np.minimum(1.0, highest / np.maximum(_peaks(samples, rate), 1e-9))
    if wanted.min(initial=1.0) == 1.0:
        return samples
    window = 2 * int(_LOOK_AHEAD * rate) + 1
    gain = uniform_filter1d(minimum_filter1d(wanted, window), window)
    limited = (samples * gain).astype(np.float32)
    over = true_peak_db(limited, rate) - ceiling  # the changing gain moves peaks by hundredths
    return limited * np.float32(10 ** (-over / 20)) if over > 0 else limited


def _peaks(samples: np.ndarray, rate: int) -> np.ndarray:
    """The highest magnitude at each sample and up to the next, (n,)."""
    if not len(samples):
        return np.zeros(0)
    fine = np.abs(soxr.resample(samples, rate, _OVERSAMPLING * rate, quality="HQ"))
    whole = np.zeros(_OVERSAMPLING * len(samples))
    whole[: len(fine)] = fine[: len(whole)]
    between = functools.reduce(np.maximum, whole.reshape(-1, _OVERSAMPLING).T)
    return np.maximum(between, np.abs(samples))


@functools.cache
def _meter(rate: int) -> pyloudnorm.Meter:
    import pyloudnorm

    return pyloudnorm.Meter(rate)
