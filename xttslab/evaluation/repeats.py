"""A recording or its audio codes in, the seconds that repeat what came just before out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xttslab.evaluation.clips import RATE
from xttslab.evaluation.spectra import log_mel

SECONDS_PER_CODE = 1024 / 22_050  # XTTS
_FRAME = 0.01  # s
_SHORTEST, _LONGEST = 8, 50  # frames: 80 ms is two beats of a rolled r, 500 ms a long syllable
_ALIKE_DB = 2.5  # most mean difference of two stretches that are the same sound again …
_ALIKE_SHARE = 0.4  # … and most in units of how much a stretch changes within itself
_ALIVE_DB = 2.0  # least change within a stretch: a held vowel repeats nothing
_STUCK_RUN = 4  # equal codes in a row that are a fault: 0.19 s of one sound, unchanged


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
    for lag in range(_SHORTEST, min(_LONGEST, frames // 2) + 1):
        difference = np.abs(mel[:, lag:] - mel[:, :-lag]).mean(axis=0)
        mean = _moving_mean(difference, lag)  # of the stretch that begins here
        for start in np.flatnonzero(mean < _ALIKE_DB):
            stretch = slice(start, start + lag)
            both = mel[:, stretch], mel[:, start + lag : start + 2 * lag]
            change = min(part.std(axis=1).mean() for part in both)
            alive = change > _ALIVE_DB and mean[start] < _ALIKE_SHARE * change
            if alive and loud[stretch].mean() > 0.5:
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
