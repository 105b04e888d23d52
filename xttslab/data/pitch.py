"""Tracks the fundamental frequency of speech with Praat's autocorrelation method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError

LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0
STEP_S = 0.005
_SHORTEST_S = 0.05
_FEWEST = 10  # voiced steps (50 ms), below which there is nothing to learn a range from
_PHRASE_END_S = 0.4  # the stretch of voice in which a question rises


class Pitch(NamedTuple):
    """Pitch in Hz, 0 where unvoiced, at `seconds`, which are `step_s` apart; both (steps,)."""

    seconds: np.ndarray
    hertz: np.ndarray
    step_s: float = STEP_S

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Pitch in Hz at other times, 0 where the nearest step is unvoiced or there is none."""
        voiced = self.hertz > 0
        if not voiced.any():
            return np.zeros(len(seconds), dtype=np.float32)
        nearest = np.rint((seconds - self.seconds[0]) / self.step_s).astype(int)
        known = (nearest >= 0) & (nearest < len(voiced))
        sounding = known & voiced[np.clip(nearest, 0, len(voiced) - 1)]
        between = np.interp(seconds, self.seconds[voiced], self.hertz[voiced])
        return np.where(sounding, between, 0.0).astype(np.float32)


NO_PITCH = Pitch(np.zeros(0), np.zeros(0))


def track_pitch(
    audio: np.ndarray,
    rate: int,
    lowest: float = LOWEST_HZ,
    highest: float = HIGHEST_HZ,
    step_s: float = STEP_S,
    refine: bool = True,
) -> Pitch:
    """Pitch of float samples (n,) between `lowest` and `highest` Hz, every `step_s` seconds.

    `refine` searches a second time, from 0.75 × the first quartile to 2 × the third quartile of the
    first result, which removes most octave errors (after Hirst, "The analysis by synthesis of
    speech melody", 2011). Empty for a recording shorter than 50 ms. Raises UserError without Praat.
    """
    try:
        import parselmouth
    except ImportError as missing:
        raise UserError(
            "pitch is found by Praat: run `pip install praat-parselmouth`, or `xttslab[eval]`"
        ) from missing
    sound = parselmouth.Sound(audio.astype(np.float64), rate) if len(audio) else None

    def search(low: float, high: float) -> Pitch:
        if sound is None or sound.duration < max(_SHORTEST_S, 3 / low):  # Praat needs three periods
            return NO_PITCH
        found = sound.to_pitch_ac(time_step=step_s, pitch_floor=low, pitch_ceiling=high)
        return Pitch(found.xs(), found.selected_array["frequency"], step_s)

    first = search(lowest, highest)
    voiced = first.hertz[first.hertz > 0]
    if not refine or len(voiced) < _FEWEST:
        return first
    lower, upper = np.percentile(voiced, (25, 75))
    return search(max(lowest, 0.75 * lower), min(highest, 2 * upper))


def pitch_measures(samples: np.ndarray) -> dict[str, float]:
    """Measure (n,) samples at 22,050 Hz: `pitch_hz` (median), `pitch_range_st` (10th to 90th
    percentile) and `pitch_end_st` (the last 0.4 s of voice against the median), in semitones.

    Empty where nothing is voiced, or Praat (package `praat-parselmouth`) is not installed.
    """
    try:
        pitch = track_pitch(samples, SAMPLE_RATE, 65.0, 500.0, step_s=0.01, refine=False)
    except UserError:  # without Praat a set is prepared all the same
        return {}
    voiced = pitch.hertz[pitch.hertz > 0]
    if len(voiced) < 5:
        return {}
    median = float(np.median(voiced))
    low, high = np.quantile(voiced, (0.1, 0.9))
    end = float(np.median(voiced[-int(_PHRASE_END_S / pitch.step_s) :]))
    return {
        "pitch_hz": median,
        "pitch_range_st": float(12 * np.log2(high / low)),
        "pitch_end_st": float(12 * np.log2(end / median)),
    }
