"""Recordings in, samples and pitch for a decoder to learn from out: on many cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.parallel import run_all
from xttslab.data.pitch import NO_PITCH, Pitch, track_pitch

TOGETHER = 64  # recordings that a worker hears at once: a small set needs no workers


class Heard(NamedTuple):
    """A recording at the decoder's rate and at 22,050 Hz (int16), and its pitch."""

    speech: np.ndarray
    wave: np.ndarray
    pitch: Pitch


def hear_all(paths: Sequence[Path], rate: int, pitch: bool, cores: int) -> Iterator[Heard]:
    """Every recording at `rate` and at 22,050 Hz, in order, with its pitch if asked.

    Pitch takes a hundredth of the recordings' own time on one core, hours of them minutes: so many
    cores work. Raises AudioFault as `read_audio` does.
    """
    groups = [paths[first : first + TOGETHER] for first in range(0, len(paths), TOGETHER)]
    for some in run_all(partial(_hear, rate=rate, pitch=pitch), groups, cores, "recordings"):
        yield from some


def _hear(paths: Sequence[Path], rate: int, pitch: bool) -> list[Heard]:
    heard = []
    for path in paths:
        speech = read_audio(path, rate)
        found = track_pitch(speech, rate) if pitch else NO_PITCH
        heard.append(Heard(_whole(speech), _whole(read_audio(path, SAMPLE_RATE)), found))
    return heard


def _whole(wave: np.ndarray) -> np.ndarray:
    return (np.clip(wave, -1, 1) * 32767).astype(np.int16)
