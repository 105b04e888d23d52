"""A recording and what was to be said in it come in, 16 kHz samples for every measure go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from xttslab.errors import UserError

RATE = 16_000  # Hz; what Resemblyzer, Whisper, DistillMOS and DNSMOS were trained on


@dataclass(frozen=True, eq=False)
class SpokenClip:
    """Speech of any origin, ready to be measured.

    `audio` is float32 mono of shape (n,) at `rate` Hz. `category` is empty where nobody named one:
    such a clip counts in every aspect but emotion. `seed` and `sentence_set` tell the takes of one
    text apart. `codes` are the audio codes that it was decoded from, where they are known.
    """

    name: str
    audio: np.ndarray
    rate: int
    text: str = ""
    category: str = ""
    seed: int = 0
    sentence_set: str = ""
    codes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.audio.ndim != 1:
            shape = tuple(self.audio.shape)
            raise UserError(f"{self.name}: audio of shape {shape}; give mono samples of shape (n,)")
        if self.rate <= 0:
            raise UserError(f"{self.name}: a sample rate of {self.rate} Hz; give the true rate")
        bad = int(np.count_nonzero(~np.isfinite(self.audio)))
        if bad:
            raise UserError(f"{self.name}: {bad} samples are NaN or infinite; speak it again")

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.audio) / self.rate


def at_16k(clip: SpokenClip) -> np.ndarray:
    """The clip's samples at 16 kHz, float32 (n,), so that all systems are measured in one band."""
    audio = clip.audio.astype(np.float32, copy=False)
    return audio if clip.rate == RATE else soxr.resample(audio, clip.rate, RATE, quality="VHQ")
