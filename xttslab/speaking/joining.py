"""The waveforms of pieces in, one waveform out: natural pauses, a steady level, no clicks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FRAME_S = 0.01
SILENCE_DB = -40.0  # below the loudest frames of a piece
MARGIN_S = 0.04  # kept around the speech of a piece: soft first and last sounds
FADE_S = 0.005
LARGEST_GAIN_DB = 6.0


def join(waves: Sequence[np.ndarray], pauses: Sequence[float], rate: int) -> np.ndarray:
    """Put pieces (n,) one after another, each followed by its pause in seconds.

    Silence at a piece's ends is cut, so that the pauses are what was asked for, and levels are
    brought to the middle piece's, by at most LARGEST_GAIN_DB.
    """
    cut = [_faded(_without_edges(wave, rate), rate) for wave in waves]
    levels = [_level_db(wave, rate) for wave in cut]
    middle = float(np.median(levels))
    parts: list[np.ndarray] = []
    for wave, level, pause in zip(cut, levels, pauses, strict=True):
        gain = np.clip(middle - level, -LARGEST_GAIN_DB, LARGEST_GAIN_DB)
        parts += [wave * np.float32(10 ** (gain / 20)), np.zeros(int(pause * rate), np.float32)]
    joined = np.concatenate(parts)
    peak = np.abs(joined).max(initial=0.0)
    return joined * np.float32(0.98 / peak) if peak > 0.98 else joined


def speech_frames(wave: np.ndarray, rate: int) -> np.ndarray:
    """Which 10 ms frames hold speech: within SILENCE_DB of the loud ones. Empty for silence."""
    step = int(FRAME_S * rate)
    frames = wave[: len(wave) // step * step].reshape(-1, step)
    if not frames.size:
        return np.zeros(0, dtype=bool)
    level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    return level > max(np.percentile(level, 95) + SILENCE_DB, -70.0)


def _without_edges(wave: np.ndarray, rate: int) -> np.ndarray:
    heard = np.flatnonzero(speech_frames(wave, rate))
    if not len(heard):
        return wave[:0]
    step, margin = int(FRAME_S * rate), int(MARGIN_S * rate)
    return wave[max(0, heard[0] * step - margin) : (heard[-1] + 1) * step + margin]


def _level_db(wave: np.ndarray, rate: int) -> float:
    """Root mean square of the frames that hold speech."""
    step = int(FRAME_S * rate)
    heard = speech_frames(wave, rate)
    frames = wave[: len(heard) * step].reshape(-1, step)[heard]
    return 10 * np.log10(float((frames**2).mean()) + 1e-10) if len(frames) else -60.0


def _faded(wave: np.ndarray, rate: int) -> np.ndarray:
    faded = wave.astype(np.float32, copy=True)
    ramp = np.linspace(0, 1, min(int(FADE_S * rate), len(faded)), dtype=np.float32)
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded
