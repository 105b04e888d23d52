"""A recording in, the defects that make speech choppy out: each one counted or timed.

Natural speech has some of each too (lip noise, stops, creaky voice), so a count means something
only beside the count of real recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import find_peaks

from xttslab.evaluation.acoustics import (
    levels,
    prediction_residual,
    sounding_seconds,
    speech_frames,
)
from xttslab.evaluation.clips import RATE
from xttslab.evaluation.prosody import pitch_track
from xttslab.evaluation.repeats import repeated_seconds, stuck_seconds
from xttslab.evaluation.spectra import spectral_jumps

_MS = RATE // 1000
_CLICK = 2.5  # height over both sides; public recordings of one reader have 0.25 a second
_AFTER_SPEECH = 0.25  # s: word ends are known to about 0.2 s


@dataclass(frozen=True)
class Defects:
    """What is wrong in one recording. `clicks` weighs each event by its strength (1: clear)."""

    clicks: float  # instants that do not belong to the sound around them; hard cuts too
    dropouts: float  # moments of sudden silence inside speech
    spectral_jumps: float  # the sound changes within 10 ms though it was steady before and after
    pitch_jumps: float  # the pitch leaps within 5 ms
    cut_off: float  # 1: the recording ends in the middle of a sound
    repeated_s: float  # seconds that repeat what was just heard: stutter
    stuck_s: float  # seconds in which the audio codes loop; 0 where they are not known
    babble_s: float  # seconds of sound after the last intended word; 0 where it is not known


@dataclass(frozen=True)
class DefectWeights:
    """How many defects one event, or one second, of each kind counts as."""

    clicks: float = 1.0
    dropouts: float = 1.0
    spectral_jumps: float = 0.5
    pitch_jumps: float = 0.5
    cut_off: float = 1.0
    repeated_s: float = 10.0
    stuck_s: float = 10.0
    babble_s: float = 5.0


def find_defects(
    audio: np.ndarray, speech_end: float | None = None, codes: Sequence[int] | None = None
) -> Defects:
    """Search float32 samples (n,) at 16 kHz that contain speech.

    `speech_end` is when the last intended word ends (s), `codes` are the audio codes behind the
    recording, where they are known. Raises PredictorMissing without praat-parselmouth.
    """
    babble = 0.0 if speech_end is None else sounding_seconds(audio, speech_end + _AFTER_SPEECH)
    return Defects(
        clicks=_clicks(audio),
        dropouts=float(_dropouts(audio)),
        spectral_jumps=spectral_jumps(audio),
        pitch_jumps=float(_pitch_jumps(audio)),
        cut_off=_cut_off(audio),
        repeated_s=repeated_seconds(audio),
        stuck_s=stuck_seconds(codes, speech_frames(audio)) if codes else 0.0,
        babble_s=babble,
    )


def defects_per_second(defects: Defects, seconds: float, weights: DefectWeights) -> float:
    """All defects, weighted, over the length of the recording."""
    names = [field.name for field in fields(Defects)]
    total = sum(getattr(weights, name) * getattr(defects, name) for name in names)
    return total / seconds


def _clicks(audio: np.ndarray) -> float:
    """Peaks of the prediction residual that tower over both sides.

    A pitch pulse has neighbours as strong within 25 ms, and a stop is followed by its noise; a
    click or a hard cut stands alone. Each counts log2(height / 2.5), at most 1.
    """
    residual = np.abs(prediction_residual(audio))
    loudness = float(np.sqrt(np.mean(audio**2)))
    span, guard = round(23.5 * _MS), round(1.5 * _MS)
    around = maximum_filter1d(residual, span, mode="constant")
    shift = guard + span // 2
    left = np.concatenate((np.zeros(shift), around[:-shift]))
    right = np.concatenate((around[shift:], np.zeros(shift)))
    height = residual / (np.maximum(left, right) + 1e-3 * loudness)
    peaks, _ = find_peaks(height, height=_CLICK, distance=10 * _MS)
    loud = peaks[residual[peaks] > 0.05 * loudness]
    return float(np.minimum(np.log2(height[loud] / _CLICK), 1.0).sum())


def _dropouts(audio: np.ndarray) -> int:
    """Silences of 4 to 200 ms whose both edges fall by 25 dB within 4 ms; a stop fades in 10."""
    hop = 2 * _MS
    level = levels(audio, hop=hop, window=hop)
    loud = np.percentile(level, 95)
    quiet = level < loud - 45
    edges = np.flatnonzero(np.diff(quiet.astype(int)))
    count = 0
    for start, end in pairwise(edges):
        if not quiet[start + 1] or not 2 <= end - start <= 100:
            continue
        before, after = level[max(0, start - 1) : start + 1].max(), level[end + 1 : end + 3].max()
        count += bool(min(before, after) > loud - 25)
    return count


def _pitch_jumps(audio: np.ndarray) -> int:
    """Leaps of more than 3 semitones between voiced frames 5 ms apart."""
    track = pitch_track(audio)
    both = (track[1:] > 0) & (track[:-1] > 0)
    leaps = np.abs(12 * np.log2(track[1:][both] / track[:-1][both]))
    return int(np.count_nonzero(leaps > 3.0))


def _cut_off(audio: np.ndarray) -> float:
    """1 when the last 10 ms are as loud as speech (within 20 dB of its loud frames), else 0."""
    frames = speech_frames(audio)
    if not frames.any():
        return 0.0
    level = levels(audio)
    last = levels(audio[-10 * _MS :], window=10 * _MS)
    return float(last.max() > np.percentile(level, 95) - 20)
