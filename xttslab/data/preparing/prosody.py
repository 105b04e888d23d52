"""A clip in, its melody in a few numbers out (Praat's autocorrelation pitch, where installed)."""

from __future__ import annotations

import numpy as np

from xttslab.data.audio import SAMPLE_RATE

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
