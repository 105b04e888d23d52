"""Clips of a prepared data set in, the real recordings that scores are read against out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xttslab.data.audio import read_audio
from xttslab.data.manifest import EVAL, Clip
from xttslab.evaluation.clips import RATE, SpokenClip

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
