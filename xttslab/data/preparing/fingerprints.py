"""A clip in, the peaks of its spectrogram out; many clips' peaks in, pairs that sound the same out.

Landmarks after A. Wang, "An Industrial-Strength Audio Search Algorithm" (ISMIR 2003): pairs of
peaks survive noise, level and another cut, and the same recording shows itself by many pairs with
one time offset. Time and memory grow with the amount of audio, not with the number of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

_FFT, _HOP = 1_024, 256
_WINDOW = np.hanning(_FFT).astype(np.float32)
_BINS = 256  # up to 5.5 kHz, where speech has its strong partials
_AROUND = (25, 21)  # frames and bins within which a peak is the highest
_LOWEST = 1e-5  # of the loudest point's power
_FAN = 6  # later peaks that a peak is paired with
_REACH = 200  # frames between the two
_BIN_STEP, _FRAME_STEP = 2, 4  # coarse enough that another cut falls on the same numbers
_LINKS = 3  # earlier places that each landmark is compared with
_LEAST_VOTES = 8  # that agree on one offset; unrelated clips reach 7


@dataclass(frozen=True)
class Pair:
    """Two clips, by position, of which `share` of the shorter one's landmarks agree."""

    first: int
    second: int
    share: float


def peaks(samples: np.ndarray) -> np.ndarray:
    """Highest points of the spectrogram of (n,) samples: int16 (peaks, 2) of frame and bin."""
    padded = np.pad(samples, (0, max(0, _FFT - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    spectrum = np.fft.rfft(windows * _WINDOW, axis=1)[:, :_BINS]
    power = np.square(np.abs(spectrum)).astype(np.float32)
    highest = (power == maximum_filter(power, _AROUND)) & (power > power.max() * _LOWEST)
    return np.argwhere(highest).astype(np.int16)


def same_audio(clips: Sequence[np.ndarray], least_share: float) -> list[Pair]:
    """Pairs of clips (each given by its peaks) that hold the same recording.

    A group of n copies gives at least n − 1 pairs that connect it.
    """
    marks = [_landmarks(clip) for clip in clips]
    sizes = [len(codes) for codes, _ in marks]
    if len(clips) < 2 or not sum(sizes):
        return []
    owners = np.repeat(np.arange(len(clips), dtype=np.int32), sizes)
    codes = np.concatenate([mark[0] for mark in marks])
    times = np.concatenate([mark[1] for mark in marks])
    order = np.argsort(codes, kind="stable")  # within a code: by clip, then by time
    codes, times, owners = codes[order], times[order], owners[order]
    best: dict[tuple[int, int], int] = {}
    for step in range(1, _LINKS + 1):
        for first, second, count in _agreements(codes, times, owners, step):
            best[first, second] = best.get((first, second), 0) + count
    pairs = [Pair(a, b, count / min(sizes[a], sizes[b])) for (a, b), count in best.items()]
    return sorted((p for p in pairs if p.share >= least_share), key=lambda p: (p.first, p.second))


def _landmarks(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(codes, times) of a clip, int32 each: every peak with its next neighbours."""
    frames, bins = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64) // _BIN_STEP
    rows = [np.zeros((0, 2), np.int64)]
    for step in range(1, min(_FAN, len(found) - 1) + 1):
        apart = frames[step:] - frames[:-step]
        near = (apart > 0) & (apart <= _REACH)
        code = (bins[:-step] << 16) | (bins[step:] << 8) | (apart // _FRAME_STEP)
        rows.append(np.stack([code[near], frames[:-step][near] // _FRAME_STEP], axis=1))
    unique = np.unique(np.concatenate(rows), axis=0).astype(np.int32)
    return unique[:, 0], unique[:, 1]


def _agreements(
    codes: np.ndarray, times: np.ndarray, owners: np.ndarray, step: int
) -> list[tuple[int, int, int]]:
    """(first clip, second clip, votes) for equal landmarks `step` places apart in the order that
    agree on the offset between the two clips."""
    same = (codes[step:] == codes[:-step]) & (owners[step:] != owners[:-step])
    first, second = owners[:-step][same], owners[step:][same]
    offset = times[step:][same] - times[:-step][same]
    packed = (first.astype(np.int64) << 40) | (second.astype(np.int64) << 16)
    values, counts = np.unique(packed | (offset + (1 << 15)), return_counts=True)
    enough = counts >= _LEAST_VOTES
    clips = zip(
        (values[enough] >> 40).tolist(), (values[enough] >> 16 & 0xFFFFFF).tolist(), strict=True
    )
    return [(a, b, n) for (a, b), n in zip(clips, counts[enough].tolist(), strict=True)]
