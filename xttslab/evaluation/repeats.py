"""A recording or its audio codes in, the seconds that repeat what came just before out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xttslab.evaluation.clips import RATE
from xttslab.evaluation.spectra import log_mel

SECONDS_PER_CODE = 1024 / 22_050  # XTTS
_FRAME = 0.01  # s
_SHORTEST, _LONGEST = 8, 50  # frames: 80 ms is two beats of a rolled r, 500 ms a long syllable
_ALIKE_DB = 2.5  # mean difference of two stretches that are the same sound again
_ALIVE_DB = 3.0  # how much a stretch must change within itself: a held vowel repeats nothing
_STUCK_RUN = 4  # equal codes in a row that are a fault: 0.19 s of one sound, unchanged


def repeated_seconds(audio: np.ndarray) -> float:
    """Seconds of sound that are heard twice in a row, pieces of 80 to 500 ms.

    For every lag the log mel spectrogram is compared with itself; a stretch as long as the lag
    that differs by less than 2.5 dB on average from the next one, and is no steady sound, is a
    repetition. Overlapping finds count once.
    """
    mel = log_mel(audio, hop=round(_FRAME * RATE), window=RATE // 40)  # (40, frames)
    frames = mel.shape[1]
    again = np.zeros(frames, dtype=bool)
    loud = mel.max(axis=0) > -35
    for lag in range(_SHORTEST, min(_LONGEST, frames // 2) + 1):
        difference = np.abs(mel[:, lag:] - mel[:, :-lag]).mean(axis=0)
        mean = _moving_mean(difference, lag)  # of the stretch that begins here
        for start in np.flatnonzero(mean < _ALIKE_DB):
            stretch = slice(start, start + lag)
            if loud[stretch].mean() > 0.5 and mel[:, stretch].std(axis=1).mean() > _ALIVE_DB:
                again[start + lag : start + 2 * lag] = True
    return float(again.sum() * _FRAME)


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


def _moving_mean(values: np.ndarray, size: int) -> np.ndarray:
    """Means of all windows of `size` values, (len(values) - size + 1,); empty if too short."""
    if len(values) < size:
        return np.zeros(0)
    total = np.concatenate(([0.0], np.cumsum(values)))
    return (total[size:] - total[:-size]) / size
