"""Clean speech in, the same speech with a known fault out: material for tests with known answers.

All functions take and give float32 samples (n,) at 16 kHz and draw places from `random`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xttslab.evaluation.signal import speech_frames
from xttslab.evaluation.spoken_clips import RATE

_HOP = RATE // 100
_MS = RATE // 1000


def loud_place(audio: np.ndarray, random: np.random.Generator, room: int = 0) -> int:
    """A sample in the loud middle of the speech with `room` samples of the clip behind it."""
    frames = np.flatnonzero(speech_frames(audio)) * _HOP
    level = float(np.sqrt(np.mean(audio**2)))
    inner = frames[(frames > 0.1 * len(audio)) & (frames < 0.9 * len(audio) - room)]
    loud = [at for at in inner if np.abs(audio[at : at + _HOP]).max() > level]
    places = loud or list(inner) or [len(audio) // 3]
    return int(random.choice(places)) + int(random.integers(_HOP))


def click(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One to three clicks of 1 to 8 samples, 2 to 5 times the clip's RMS."""
    broken = audio.copy()
    level = float(np.sqrt(np.mean(audio**2)))
    for _ in range(random.integers(1, 4)):
        at = loud_place(audio, random, 8)
        length = int(random.integers(1, 9))
        height = random.uniform(2, 5) * level * random.choice([-1, 1])
        broken[at : at + length] += (height * np.linspace(1, 0.3, length)).astype(np.float32)
    return broken


def dropout(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One to three stretches of 20 to 100 ms inside speech become silence."""
    broken = audio.copy()
    for _ in range(random.integers(1, 4)):
        length = int(random.uniform(20, 100) * _MS)
        at = loud_place(audio, random, length)
        broken[at : at + length] = 0.0
    return broken


def splice(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One to three stretches of 60 to 200 ms are taken out, the ends joined hard."""
    broken = audio
    for _ in range(random.integers(1, 4)):
        length = int(random.uniform(60, 200) * _MS)
        at = loud_place(broken, random, length)
        broken = np.concatenate([broken[:at], broken[at + length :]])
    return broken


def break_off(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The recording ends in the middle of a sound."""
    middle = audio[len(audio) // 2 :]
    return audio[: len(audio) // 2 + loud_place(middle, random)]


def stutter(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A stretch of 90 to 250 ms is said one to three times too often."""
    length = int(random.uniform(90, 250) * _MS)
    at = loud_place(audio, random, length)
    again = np.tile(audio[at : at + length], random.integers(1, 4))
    return np.concatenate([audio[: at + length], again, audio[at + length :]])


def babble(audio: np.ndarray, other: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """0.5 to 1.5 s of the middle of another recording follow after the end."""
    length = min(len(other), int(random.uniform(500, 1500) * _MS))
    at = int(random.integers(len(other) - length + 1))
    level = np.sqrt(np.mean(audio**2) / max(np.mean(other[at : at + length] ** 2), 1e-9))
    return np.concatenate([audio, np.float32(level) * other[at : at + length]])


def white_noise(audio: np.ndarray, snr_db: float, random: np.random.Generator) -> np.ndarray:
    """The clip with white noise `snr_db` below it."""
    level = float(np.sqrt(np.mean(audio**2))) * 10 ** (-snr_db / 20)
    return audio + (level * random.standard_normal(len(audio))).astype(np.float32)


SMOOTHNESS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "clicks": click,
    "dropouts": dropout,
    "splices": splice,
    "broken off": break_off,
    "stutter": stutter,
}
