"""Levels, speech frames, prediction residual and log mel bands of 16 kHz samples (n,)."""

from __future__ import annotations

import numpy as np
from scipy.fft import rfft
from scipy.signal import find_peaks

from xttslab.data.speaker_encoders import BANDS, mel_filters
from xttslab.evaluation.spoken_clips import RATE

HOP = RATE // 100  # 10 ms
WINDOW = RATE // 40  # 25 ms
_SILENCE_DB = -60.0  # below this, dB of full scale, a recording holds nothing
_SPEECH_RANGE_DB = 35.0  # speech lies within this of its loud frames; less is pause or noise
_ORDER = 18  # of the linear predictor: 16 kHz / 1000 + 2
_LAGS = range(_ORDER + 1)


def levels(audio: np.ndarray, hop: int = HOP, window: int = WINDOW) -> np.ndarray:
    """RMS in dB of full scale, one value every `hop` samples, windows centred; (ceil(n / hop),)."""
    if not len(audio):
        return np.zeros(0)
    power = np.concatenate(([0.0], np.cumsum(audio.astype(np.float64) ** 2)))
    centres = np.arange(0, len(audio), hop) + hop // 2
    first = np.clip(centres - window // 2, 0, len(audio) - 1)
    last = np.clip(centres + window // 2, first + 1, len(audio))
    return 10 * np.log10(np.maximum((power[last] - power[first]) / (last - first), 1e-12))


def speech_frames(audio: np.ndarray) -> np.ndarray:
    """Which 10 ms frames hold sound, (ceil(n / 160),) of bool: within 35 dB of the clip's loud
    frames (its 95th percentile). None in a recording whose loud frames are below -60 dB."""
    level = levels(audio)
    if not len(level):
        return np.zeros(0, dtype=bool)
    loud = np.percentile(level, 95)
    return level > max(loud - _SPEECH_RANGE_DB, _SILENCE_DB)


def has_speech(audio: np.ndarray) -> bool:
    """Whether at least 50 ms of sound are there; a clip without it fails in every aspect."""
    return int(speech_frames(audio).sum()) >= 5


def sounding_seconds(audio: np.ndarray, start: float = 0.0) -> float:
    """Seconds of sound after `start` seconds, pauses not counted."""
    frames = speech_frames(audio)
    return float(frames[round(start * RATE / HOP) :].sum() * HOP / RATE)


def quietest_cut(audio: np.ndarray, after: int) -> int:
    """The sample, not before `after`, in the middle of the quietest 25 ms: where to cut."""
    level = levels(audio)
    first = after // HOP
    return (first + int(np.argmin(level[first:]))) * HOP + HOP // 2


def prediction_residual(audio: np.ndarray) -> np.ndarray:
    """What a linear predictor cannot foresee, (n,): small in speech but for its pitch pulses, large
    where samples do not belong together (Godsill and Rayner, "Digital audio restoration", 1998).

    Order 18, Hann windows of 30 ms overlapping by half, autocorrelation method.
    """
    size, hop = 30 * RATE // 1000, 15 * RATE // 1000
    shape = np.hanning(size + 1)[:-1]
    padded = np.pad(audio.astype(np.float64), (size, size))
    starts = np.arange(0, len(padded) - size, hop)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * shape
    lags = [np.einsum("ns,ns->n", blocks[:, : size - lag], blocks[:, lag:]) for lag in _LAGS]
    correlation = np.stack(lags, axis=1)  # (blocks, 19)
    loud = correlation[:, 0] >= 1e-9
    correlation[:, 0] *= 1 + 1e-5  # keeps the equations solvable for pure tones
    taps = _predictors(correlation[loud])
    history = np.pad(padded, (_ORDER, 0))
    spans = np.lib.stride_tricks.sliding_window_view(history, size + _ORDER)[starts[loud]]
    errors = sum(taps[:, lag, None] * spans[:, _ORDER - lag :][:, :size] for lag in _LAGS)
    residual = np.zeros_like(padded)
    for start, error in zip(starts[loud], errors * shape, strict=True):
        residual[start : start + size] += error
    return residual[size : size + len(audio)]


def _predictors(correlation: np.ndarray) -> np.ndarray:
    """Prediction error filters (n, 19) of n blocks with autocorrelations (n, 19), by the recursion
    of Levinson and Durbin."""
    taps = np.zeros_like(correlation)
    taps[:, 0] = 1.0
    power = correlation[:, 0].copy()
    for order in _LAGS[1:]:
        known = np.einsum("nk,nk->n", taps[:, :order], correlation[:, order:0:-1])
        reflected = -known / power
        taps[:, 1 : order + 1] += reflected[:, None] * taps[:, order - 1 :: -1][:, :order]
        power *= 1 - reflected**2
    return taps


_SHORTEST = RATE // 20  # samples; less holds no sound before and after a change
_POINTS = 512  # of a spectrum
_TOGETHER = 4096  # frames of which spectra are computed at once: 8 MB
_RANGE_DB = 50.0  # what lies farther below the loudest sound is not heard


def log_mel(audio: np.ndarray, hop: int, window: int) -> np.ndarray:
    """40 mel bands in dB relative to the recording's loud frames, (40, 1 + n // hop), floored at
    -50 dB; Hann windows, centred."""
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    padded = np.pad(audio.astype(np.float32, copy=False), _POINTS // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _POINTS)[::hop]
    inner = slice((_POINTS - window) // 2, (_POINTS - window) // 2 + window)
    energy = np.empty((BANDS, len(frames)))
    for start in range(0, len(frames), _TOGETHER):
        part = frames[start : start + _TOGETHER, inner] * shape
        power = np.abs(rfft(part, _POINTS)) ** 2  # the phase does not matter
        energy[:, start : start + _TOGETHER] = mel_filters(_POINTS, 60.0, 7600.0) @ power.T
    energy = 10 * np.log10(energy + 1e-10)
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
