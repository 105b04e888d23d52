"""Samples at 16 kHz in, a log mel spectrogram and its sudden changes out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.signal import find_peaks

from xttslab.evaluation.clips import RATE

_SHORTEST = RATE // 20  # samples; less holds no sound before and after a change
_RANGE_DB = 50.0  # what lies farther below the loudest sound is not heard


def log_mel(audio: np.ndarray, hop: int, window: int) -> np.ndarray:
    """40 mel bands in dB relative to the recording's loud frames, (40, 1 + n // hop), floored at
    -50 dB; Hann windows, centred."""
    import librosa

    spectrum = librosa.stft(audio, n_fft=512, hop_length=hop, win_length=window)
    energy = 10 * np.log10(_filters() @ np.abs(spectrum) ** 2 + 1e-10)
    return np.maximum(energy - np.percentile(energy.max(axis=0), 95), -_RANGE_DB)


def spectral_jumps(audio: np.ndarray) -> float:
    """How often, and how much, the spectrum changes at once between two steady sounds.

    At every 2.5 ms the mean spectrum of the 10 ms before is compared with that of the 10 ms after;
    their distance is divided by the movement within the two. Both must be loud: the burst after a
    stop is no defect. Every peak above 3.5 counts its excess, at most 1.
    """
    block, guard = 4, 3  # frames; the guard is the length over which the window smears an edge
    if len(audio) < _SHORTEST:
        return 0.0
    mel = log_mel(audio, hop=RATE // 400, window=RATE // 100)
    parts = np.lib.stride_tricks.sliding_window_view(mel, block, axis=1)  # (40, frames, 4)
    mean = parts.mean(axis=-1)
    motion = np.sqrt(((parts - mean[..., None]) ** 2).mean(axis=(0, 2)))
    before, after = mean[:, : -block - guard], mean[:, block + guard :]
    change = np.sqrt(((after - before) ** 2).mean(axis=0))
    steady = np.maximum(motion[: -block - guard], motion[block + guard :]) + 2.0
    score = np.where(np.minimum(before.max(axis=0), after.max(axis=0)) > -30, change / steady, 0.0)
    peaks, found = find_peaks(score, height=3.5, distance=8)
    return float(np.minimum(found["peak_heights"] - 3.5, 1.0).sum()) if len(peaks) else 0.0


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=RATE, n_fft=512, n_mels=40, fmin=60, fmax=7600)
