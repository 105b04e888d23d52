"""A long recording made of known clips, so that what `prepare` should find is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import soxr

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.voice_activity import FRAME_SECONDS, speech_probability

CLIPPED, FOREIGN, COPY, NOISY, MUSIC = "clipped", "foreign", "copy", "noisy", "music"


@dataclass
class LongPlay:
    """(n,) samples, and what was put where: (start, end, fault or "") in seconds of speech."""

    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    passages: list[tuple[float, float, str]] = field(default_factory=list)

    def clean(self) -> list[tuple[float, float]]:
        """Where nothing is wrong."""
        return [(start, end) for start, end, fault in self.passages if not fault]

    def faulty(self, fault: str) -> list[tuple[float, float]]:
        """Where that fault was planted."""
        return [(start, end) for start, end, name in self.passages if name == fault]


def assemble(
    clips: Sequence[np.ndarray], faults: dict[int, str], foreign: np.ndarray, seed: int = 0
) -> LongPlay:
    """Join clips with pauses of 0.9 to 2.2 s, at levels within ±6 dB, over room noise 50 dB below.

    `faults` says what is done to which clip: `copy` is the clip before the one before, quieter,
    with noise and another beginning; `foreign` is replaced by another voice.
    """
    random = np.random.default_rng(seed)
    joined, made = [_room(_pause(random), random)], LongPlay()
    position = len(joined[0])
    for number, clip in enumerate(clips):
        fault = faults.get(number, "")
        source = {FOREIGN: foreign, COPY: clips[max(number - 2, 0)]}.get(fault, clip)
        bare = _bare(source)
        speech = _planted(bare + _room(len(bare), random), fault, random)
        start = position / SAMPLE_RATE
        made.passages.append((start, start + len(speech) / SAMPLE_RATE, fault))
        pause = _room(_pause(random), random)
        joined += [speech, pause]
        position += len(speech) + len(pause)
    return LongPlay(np.concatenate(joined), made.passages)


def another_voice(clip: np.ndarray) -> np.ndarray:
    """The clip spoken by somebody smaller: everything a third higher and faster."""
    return soxr.resample(clip, SAMPLE_RATE, SAMPLE_RATE / 1.35)


def _bare(clip: np.ndarray) -> np.ndarray:
    """The clip from its first to its last speech, at -23 dB RMS."""
    heard = np.flatnonzero(speech_probability(clip) >= 0.5)
    step = FRAME_SECONDS * SAMPLE_RATE
    bare = clip[int(heard[0] * step) : int((heard[-1] + 1) * step)]
    return (0.07 * bare / np.sqrt(np.mean(bare**2))).astype(np.float32)


def _planted(speech: np.ndarray, fault: str, random: np.random.Generator) -> np.ndarray:
    noise = 0.07 * random.standard_normal(len(speech)).astype(np.float32)
    if fault == CLIPPED:
        return np.clip(8 * speech, -0.6, 0.6) / 4
    if fault == NOISY:
        return speech + noise * 10 ** (-6 / 20)
    if fault == COPY:
        return 0.5 * (speech + 0.03 * noise)[int(0.1 * SAMPLE_RATE) :]
    if fault == MUSIC:
        return _chord(len(speech))
    return speech * 10 ** (random.uniform(-6, 6) / 20)


def _chord(samples: int) -> np.ndarray:
    time = np.arange(samples) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6, 440.0)]
    return (0.07 * sum(tones)).astype(np.float32)


def _pause(random: np.random.Generator) -> int:
    return int(random.uniform(0.9, 2.2) * SAMPLE_RATE)


def _room(samples: int, random: np.random.Generator) -> np.ndarray:
    """The sound of the room, 50 dB below the speech."""
    noise = random.standard_normal(samples).astype(np.float32)
    return np.float32(0.07 * 10 ** (-50 / 20)) * noise
