"""Recordings with the text, category and seed behind them, resampled to 16 kHz for all measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from xttslab.data.audio import read_audio
from xttslab.data.manifest import EVAL, Clip
from xttslab.errors import UserError

RATE = 16_000  # Hz; what the speaker encoders, Whisper and DistillMOS were trained on


@dataclass(frozen=True, eq=False)
class SpokenClip:
    """Speech of any origin, ready to be measured.

    `audio` is float32 mono of shape (n,) at `rate` Hz. `category` is empty where nobody named one:
    such a clip counts in every aspect but emotion. `seed` and `sentence_set` tell the utterances of
    one text apart. `codes` are the audio codes that it was decoded from, where they are known.
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


MOST = 40  # held-out clips that are measured whole: recognition is slow, and more add little


@dataclass(frozen=True)
class RealClips:
    """A speaker's real recordings: `held_out` from training, and `all` of them.

    The tone of a category needs more clips than are held out, and learns nothing from their words;
    it is therefore read against all.
    """

    held_out: tuple[SpokenClip, ...]
    all: tuple[SpokenClip, ...]


def real_clips(clips: Sequence[Clip], most: int = MOST) -> RealClips:
    """Read a data set's recordings; at most `most` held-out ones, evenly over its order.

    A category that nobody named (`category_assumed`) is left empty. Raises UserError for a file
    that cannot be read.
    """
    every = {clip: spoken_of(clip) for clip in clips}
    chosen = held_out(clips, most)
    return RealClips(tuple(every[clip] for clip in chosen), tuple(every.values()))


def held_out(clips: Sequence[Clip], most: int = MOST) -> list[Clip]:
    """The held-out clips of a data set, at most `most`, evenly over its order."""
    every = [clip for clip in clips if clip.split == EVAL]
    step = max(1.0, len(every) / most)
    return [every[int(place * step)] for place in range(min(len(every), most))]


def spoken_of(clip: Clip) -> SpokenClip:
    """One recording of a data set as the measures take it, named as the data set names it."""
    category = "" if clip.category_assumed else clip.category
    return SpokenClip(
        clip.id, read_audio(clip.audio, RATE), RATE, clip.text, category, sentence_set="real"
    )


def require_clips(clips: Sequence[SpokenClip]) -> None:
    """Raise UserError for no clip, or two of one name."""
    if not clips:
        raise UserError("no clip to score; give at least one recording")
    names = [clip.name for clip in clips]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{len(twice)} clip names come twice, {twice[0]!r} first; rename them")
