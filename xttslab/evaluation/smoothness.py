"""Finds clicks, dropouts, leaps, repetitions and babble in one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import find_peaks

from xttslab.evaluation.prosody import pitch_track
from xttslab.evaluation.signal import (
    levels,
    log_mel,
    prediction_residual,
    sounding_seconds,
    spectral_jumps,
    speech_frames,
)
from xttslab.evaluation.spoken_clips import RATE

SECONDS_PER_CODE = 1024 / 22_050  # XTTS
_FRAME = 0.01  # s
_SHORTEST, _LONGEST = 8, 50  # frames: 80 ms is two beats of a rolled r, 500 ms a long syllable
_ALIKE_DB = 2.5  # most mean difference of two stretches that are the same sound again …
_ALIKE_SHARE = 0.4  # … and most in units of how much a stretch changes within itself
_ALIVE_DB = 2.0  # least change within a stretch: a held vowel repeats nothing
_STUCK_RUN = 4  # equal codes in a row that are a fault: 0.19 s of one sound, unchanged
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
    """How many defects one event, or one second, of each kind counts as: `scoring.defects` of
    `conf/evaluation/`."""

    clicks: float
    dropouts: float
    spectral_jumps: float
    pitch_jumps: float
    cut_off: float
    repeated_s: float
    stuck_s: float
    babble_s: float


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
        cut_off=cut_off(audio),
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


def cut_off(audio: np.ndarray) -> float:
    """1 when the last 10 ms are as loud as speech (within 20 dB of its loud frames), else 0."""
    frames = speech_frames(audio)
    if not frames.any():
        return 0.0
    level = levels(audio)
    last = levels(audio[-10 * _MS :], window=10 * _MS)
    return float(last.max() > np.percentile(level, 95) - 20)


def repeated_seconds(audio: np.ndarray) -> float:
    """Seconds of sound that are heard twice in a row, pieces of 80 to 500 ms.

    For every lag the log mel spectrogram is compared with itself. A stretch as long as the lag is
    repeated when the next one differs from it by less than 2.5 dB and by less than 0.4 of the
    two's own standard deviation over time. Overlapping finds count once.
    """
    if len(audio) < 2 * _SHORTEST * _FRAME * RATE:
        return 0.0
    mel = log_mel(audio, hop=round(_FRAME * RATE), window=RATE // 40)  # (40, frames)
    frames = mel.shape[1]
    again = np.zeros(frames, dtype=bool)
    loud = mel.max(axis=0) > -35
    sums = np.pad(np.stack((mel, mel**2)).cumsum(axis=-1), ((0, 0), (0, 0), (1, 0)))
    for lag in range(_SHORTEST, min(_LONGEST, frames // 2) + 1):
        difference = np.abs(mel[:, lag:] - mel[:, :-lag]).mean(axis=0)
        mean = _moving_mean(difference, lag)  # of the stretch that begins here
        starts = np.flatnonzero(mean < _ALIKE_DB)
        change = np.minimum(_motion(sums, starts, lag), _motion(sums, starts + lag, lag))
        alive = (change > _ALIVE_DB) & (mean[starts] < _ALIKE_SHARE * change)
        for start in starts[alive]:
            if loud[start : start + lag].mean() > 0.5:
                again[start + lag : start + 2 * lag] = True
    return float(again.sum() * _FRAME)


def _motion(sums: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """How much stretches of `size` frames change within themselves: the standard deviation over
    time, mean of the bands, one value a start. `sums` (2, bands, 1 + frames) are running sums of
    the bands and of their squares."""
    mean, square = (sums[..., starts + size] - sums[..., starts]) / size
    return np.sqrt(np.maximum(square - mean**2, 0.0)).mean(axis=0)


def _moving_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Means of all windows of `size` values, (len(values) - size + 1,); empty if too short."""
    if len(values) < size:
        return np.zeros(0)
    total = np.concatenate(([0.0], np.cumsum(values)))
    return (total[size:] - total[:-size]) / size


def stuck_seconds(codes: Sequence[int], sounding: np.ndarray | None = None) -> float:
    """Seconds in which the model that chose the codes was caught in a loop.

    A loop is 1 to 8 codes that come again at once, at least 4 times (one code) or 3 times (more);
    its first time through is speech. Silence is one code for as long as it lasts, so codes count
    only where `sounding`, the recording's 10 ms speech frames, says that something is heard.
    """
    sequence = np.asarray(codes)
    stuck = np.zeros(len(sequence), dtype=bool)
    for period in range(1, 9):
        needed = period * ((_STUCK_RUN if period == 1 else 3) - 1)
        length = 0
        for place, equal in enumerate(sequence[period:] == sequence[:-period]):
            length = length + 1 if equal else 0
            if length >= needed:
                stuck[place + period - length + 1 : place + period + 1] = True
    if sounding is not None and len(sounding):
        middles = ((np.arange(len(sequence)) + 0.5) * SECONDS_PER_CODE / _FRAME).astype(int)
        stuck &= sounding[np.minimum(middles, len(sounding) - 1)]
    return float(stuck.sum() * SECONDS_PER_CODE)
