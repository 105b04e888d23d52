"""Decoded samples in, the finished clip with its list of changes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.loudness import Loudness
from xttslab.data.preparing.trimming import Trimming
from xttslab.data.preparing.voice_activity import SpeechFinder, speech_probability

MADE_BY = 1  # raise it when a clip made by newer code would differ


@dataclass(frozen=True)
class Finished:
    """A clip as it is written: (n,) samples, its place in what came in, in seconds, and every
    change as (what, how much)."""

    samples: np.ndarray
    start: float
    end: float
    changes: tuple[tuple[str, str], ...]


class Unusable(Exception):
    """Why no clip could be made: `reason` and `value` of its row in rejected.csv."""

    def __init__(self, reason: str, value: str) -> None:
        super().__init__(reason, value)
        self.reason = reason
        self.value = value


@dataclass(frozen=True)
class Recipe:
    """The steps that make a clip. `min_seconds` and `max_seconds` bound what training can use."""

    speech: SpeechFinder
    trimming: Trimming
    loudness: Loudness
    min_seconds: float
    max_seconds: float

    def finish(self, samples: np.ndarray) -> Finished:
        """Trim (n,) samples to their speech and bring them to the target loudness.

        Raises Unusable for clips without speech, too short or too long.
        """
        regions = self.speech.regions(speech_probability(samples))
        bounds = self.trimming.bounds(samples, regions)
        if bounds is None:
            raise Unusable("no speech is heard", f"{len(samples) / SAMPLE_RATE:.2f} s")
        start, end = bounds
        self.require_length((end - start) / SAMPLE_RATE)
        kept = samples[start:end]
        gain = self.loudness.gain_db(kept)
        finished = kept * np.float32(10 ** (gain / 20))
        changes = [*_trimmed(start, len(samples) - end), ("gain", f"{gain:+.1f} dB")]
        return Finished(finished, start / SAMPLE_RATE, end / SAMPLE_RATE, tuple(changes))

    def require_length(self, seconds: float) -> None:
        """Raise Unusable for what is too short or too long to train on."""
        if seconds < self.min_seconds:
            raise Unusable(f"shorter than {self.min_seconds} s", f"{seconds:.2f} s")
        if seconds > self.max_seconds:
            raise Unusable(f"longer than {self.max_seconds} s", f"{seconds:.2f} s")


def _trimmed(before: int, after: int) -> list[tuple[str, str]]:
    cuts = (("silence trimmed at the start", before), ("silence trimmed at the end", after))
    return [(what, f"{n / SAMPLE_RATE:.2f} s") for what, n in cuts if n > SAMPLE_RATE // 100]
