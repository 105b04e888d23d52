"""Counts the syllables and the changes of sound that are heard in speech."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, find_peaks, sosfiltfilt

VOWELS_HZ = (300, 2500)
SMOOTH = 0.06  # seconds of the window over which loudness is taken
FRAMES = 100  # of loudness a second
DIP_DB = 2.0  # between two syllables, at the least
FAINTEST_DB, SILENT_DB = 20.0, 35.0  # below the loudest frames: no syllable, no sound
_WINDOW_S = 0.023  # of a spectrum
_BANDS = 24  # between …
_BAND_HZ = (100, 8000)
_FLOOR_DB = 40.0  # below the loudest bands: what is fainter is taken for silence
_APART = 3  # frames between the spectra that are compared
_CHANGE_DB = 1.5  # by which a change stands out, over all bands


def count_syllables(wave: np.ndarray, rate: int) -> tuple[int, float]:
    """Syllables of float samples (n,), and the seconds from the first sound to the last.

    A syllable is a peak of loudness in the band of the vowels, as in de Jong and Wempe (Behavior
    Research Methods 41, 2009) but without their look at the pitch.
    """
    if len(wave) <= rate * SMOOTH:
        return 0, 0.0
    loudness = _loudness(wave, rate)
    loudest = np.percentile(loudness, 95)
    peaks, _ = find_peaks(loudness, height=loudest - FAINTEST_DB, prominence=DIP_DB)
    sounding = np.flatnonzero(loudness > loudest - SILENT_DB)
    return len(peaks), float((sounding[-1] - sounding[0] + 1) / FRAMES)


def _loudness(wave: np.ndarray, rate: int) -> np.ndarray:
    """Smoothed power in the band of the vowels, dB, FRAMES a second."""
    band = sosfiltfilt(butter(4, VOWELS_HZ, "bandpass", fs=rate, output="sos"), wave)
    window = np.hanning(int(SMOOTH * rate))
    around = len(window) // 2, (len(window) - 1) // 2
    squares = np.lib.stride_tricks.sliding_window_view(np.pad(band**2, around), len(window))
    power = squares[:: rate // FRAMES] @ (window / window.sum())
    return 10 * np.log10(power + 1e-9)


def count_changes(wave: np.ndarray, rate: int, spoken: np.ndarray) -> int:
    """How often the sound of float samples (n,) changes, about once a phoneme, where `spoken`
    (frames of equal length over the whole, bool) says that somebody speaks."""
    levels = _band_levels(wave, rate)
    if len(levels) <= _APART + 2 or not spoken.any():
        return 0
    levels = np.maximum(levels, np.percentile(levels, 99) - _FLOOR_DB)
    smooth = (levels[:-2] + 2 * levels[1:-1] + levels[2:]) / 4
    change = np.sqrt(np.mean((smooth[_APART:] - smooth[:-_APART]) ** 2, axis=1))
    place = np.linspace(0, len(spoken) - 1, len(change)).round().astype(int)
    peaks, _ = find_peaks(np.where(spoken[place], change, 0.0), prominence=_CHANGE_DB)
    return len(peaks)


def _band_levels(wave: np.ndarray, rate: int) -> np.ndarray:
    """Levels in dB of bands that are as wide as their frequency is high, (frames, bands)."""
    size, hop = int(_WINDOW_S * rate), rate // FRAMES
    if len(wave) < size:
        return np.zeros((0, _BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32))) ** 2
    edges = np.geomspace(*_BAND_HZ, _BANDS + 1) * size / rate
    first = np.unique(np.minimum(edges.astype(int), power.shape[1] - 1))
    bands = np.add.reduceat(power, first, axis=1)[:, :-1] / np.diff(first)
    return 10 * np.log10(bands + 1e-10).astype(np.float32)
