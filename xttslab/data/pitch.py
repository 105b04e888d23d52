"""Tracks the fundamental frequency of speech with Praat's autocorrelation method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError

LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0  # of the first search
STEP_S = 0.005
_FEWEST = 10  # voiced steps (50 ms), below which there is nothing to learn a range from


class Pitch(NamedTuple):
    """Pitch in Hz, 0 where unvoiced, at `seconds`; both (steps,)."""

    seconds: np.ndarray
    hertz: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Pitch in Hz at other times, 0 where the nearest step is unvoiced or there is none."""
        voiced = self.hertz > 0
        if not voiced.any():
            return np.zeros(len(seconds), dtype=np.float32)
        nearest = np.rint((seconds - self.seconds[0]) / STEP_S).astype(int)
        known = (nearest >= 0) & (nearest < len(voiced))
        sounding = known & voiced[np.clip(nearest, 0, len(voiced) - 1)]
        between = np.interp(seconds, self.seconds[voiced], self.hertz[voiced])
        return np.where(sounding, between, 0.0).astype(np.float32)


NO_PITCH = Pitch(np.zeros(0), np.zeros(0))


def track_pitch(audio: np.ndarray, rate: int) -> Pitch:
    """Pitch of float samples (n,) every 5 ms.

    Two passes: the second searches 0.75 × the first quartile to 2 × the third quartile of the
    first, which removes most octave errors (after Hirst, "The analysis by synthesis of speech
    melody", 2011). Empty for a recording shorter than 50 ms. Raises UserError without Praat.
    """
    try:
        import parselmouth
    except ImportError as missing:
        raise UserError(
            "pitch is found by Praat: run `pip install praat-parselmouth`, or `xttslab[eval]`"
        ) from missing
    sound = parselmouth.Sound(audio.astype(np.float64), rate)

    def search(lowest: float, highest: float) -> Pitch:
        if sound.duration < max(0.05, 3 / lowest):  # Praat needs three periods
            return NO_PITCH
        found = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=lowest, pitch_ceiling=highest)
        return Pitch(found.xs(), found.selected_array["frequency"])

    first = search(LOWEST_HZ, HIGHEST_HZ)
    voiced = first.hertz[first.hertz > 0]
    if len(voiced) < _FEWEST:
        return first
    low, high = np.percentile(voiced, (25, 75))
    return search(max(LOWEST_HZ, 0.75 * low), min(HIGHEST_HZ, 2 * high))


FLOOR_HZ, CEILING_HZ = 65.0, 500.0
_STEP_S = 0.01
_END_S = 0.4  # the stretch of voice in which a question rises


def melody(samples: np.ndarray) -> dict[str, float]:
    """Measure (n,) samples: `pitch_hz` (median), `pitch_range_st` (10th to 90th percentile) and
    `pitch_end_st` (the last 0.4 s of voice against the median), in semitones.

    Empty where nothing is voiced, or Praat (package `praat-parselmouth`) is not installed.
    """
    voiced = pitch_track(samples)
    if len(voiced) < 5:
        return {}
    median = float(np.median(voiced))
    low, high = np.quantile(voiced, (0.1, 0.9))
    end = float(np.median(voiced[-int(_END_S / _STEP_S) :]))
    return {
        "pitch_hz": median,
        "pitch_range_st": float(12 * np.log2(high / low)),
        "pitch_end_st": float(12 * np.log2(end / median)),
    }


def pitch_track(samples: np.ndarray) -> np.ndarray:
    """Fundamental frequency in Hz every 10 ms, voiced frames only, (frames,)."""
    try:
        import parselmouth
    except ImportError:
        return np.zeros(0)
    if len(samples) < 3 * SAMPLE_RATE / FLOOR_HZ:  # Praat needs three periods
        return np.zeros(0)
    sound = parselmouth.Sound(samples.astype(np.float64), SAMPLE_RATE)
    pitch = sound.to_pitch_ac(_STEP_S, FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    track = pitch.selected_array["frequency"]
    return track[track > 0]
