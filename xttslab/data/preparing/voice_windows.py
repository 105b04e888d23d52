"""Embeds what is said in a recording, in windows of 1.5 s that hold one person's speech each.

Chunks of five minutes are heard in parallel; the result of each is kept beside the decoded file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import soxr

from xttslab.data.audio import SAMPLE_RATE, read_span
from xttslab.data.preparing.folder import key_of
from xttslab.data.preparing.speaker_turns import Turns, find_turns, plain_turns, turns_are_found
from xttslab.data.preparing.voice_activity import Span
from xttslab.data.speaker_encoders import ENCODERS, RATE, Encoder, EncoderName
from xttslab.files import write_atomically

WINDOW = 1.5  # seconds
_STEP = 0.1  # shorter windows are cut to multiples of it, so that equal lengths share a pass
_PART = 300.0  # seconds that are heard at once …
_AROUND = 1.0  # … and what stands before and after


@dataclass(frozen=True)
class VoiceWindows:
    """Windows of speech: their places in seconds (n, 2), the turn that each is of (n,), and their
    embeddings (n, size); `together` (m, 2) are places where several people talk at once."""

    places: np.ndarray
    turns: np.ndarray
    voices: np.ndarray
    together: np.ndarray

    @property
    def seconds(self) -> np.ndarray:
        """How long each window speaks for, (n,)."""
        return self.places[:, 1] - self.places[:, 0]

    @classmethod
    def joined(cls, parts: Sequence[VoiceWindows]) -> VoiceWindows:
        """The windows of one or more parts of a recording, in a row."""
        counts = [int(part.turns.max(initial=-1)) + 1 for part in parts]
        firsts = np.cumsum([0, *counts])
        return cls(
            np.concatenate([part.places for part in parts]),
            np.concatenate([p.turns + n for p, n in zip(parts, firsts, strict=False)]),
            np.concatenate([part.voices for part in parts]),
            np.concatenate([part.together for part in parts]),
        )


def embed_turns(audio: np.ndarray, turns: Turns, encoder: Encoder) -> VoiceWindows:
    """Embed the turns found in (n,) samples at 16 kHz."""
    places, owners, cuts = [], [], []
    for number, (start, end) in enumerate(turns.alone):
        for a, b, low, high in _windows(start, end):
            places.append((a, b))
            owners.append(number)
            cuts.append(audio[round(low * RATE) : round(high * RATE)])
    return VoiceWindows(
        np.array(places, float).reshape(-1, 2),
        np.array(owners, int),
        encoder(cuts).astype(np.float32),
        np.array(turns.together, float).reshape(-1, 2),
    )


def _windows(start: float, end: float) -> list[tuple[float, float, float, float]]:
    """(start, end) that a window speaks for and (start, end) of what is embedded for it: windows
    of `WINDOW` spread evenly over a turn, each speaking for its middle."""
    length = end - start
    if length < WINDOW:
        heard = int(length / _STEP + 1e-6) * _STEP
        return [(start, end, start, start + heard)]
    count = int(np.ceil(length / WINDOW - 0.2))
    edges = np.linspace(start, end, count + 1)
    firsts = np.clip((edges[:-1] + edges[1:] - WINDOW) / 2, start, end - WINDOW)
    return [
        (float(a), float(b), float(low), float(low + WINDOW))
        for a, b, low in zip(edges, edges[1:], firsts, strict=False)
    ]


@dataclass(frozen=True)
class ListenTask:
    """Stretches of speech in a decoded recording, in seconds and in order."""

    decoded: Path
    regions: tuple[Span, ...]
    encoder: EncoderName

    @property
    def target(self) -> Path:
        """Where what was heard is kept: other regions, of another search for speech, have another
        file."""
        start = round(self.regions[0][0] * 1000) if self.regions else 0
        name = f".{start:08d}.{key_of(self.regions)[:12]}.{self.encoder}.npz"
        return self.decoded.with_suffix(name)


def listen_tasks(decoded: Path, regions: Sequence[Span], encoder: EncoderName) -> list[ListenTask]:
    """The speech of a recording in parts of about five minutes, one at least."""
    groups = groupby(regions, key=lambda span: int(span[0] / _PART))
    return [ListenTask(decoded, tuple(part), encoder) for _, part in groups] or [
        ListenTask(decoded, (), encoder)
    ]


def listen(task: ListenTask) -> VoiceWindows:
    """Find and embed the turns in a part of a recording, once."""
    if task.target.is_file():
        with np.load(task.target) as stored:
            return VoiceWindows(**stored)
    start = max(0.0, task.regions[0][0] - _AROUND) if task.regions else 0.0
    end = task.regions[-1][1] + _AROUND if task.regions else 0.0
    samples = read_span(task.decoded, start, end)
    heard = hear(samples, [(a - start, b - start) for a, b in task.regions], task.encoder)
    heard = replace(heard, places=heard.places + start, together=heard.together + start)
    buffer = io.BytesIO()
    np.savez(buffer, **vars(heard))
    write_atomically(task.target, buffer.getvalue())
    return heard


def hear(samples: np.ndarray, regions: Sequence[Span], encoder: EncoderName) -> VoiceWindows:
    """Find and embed the turns in (n,) samples at 22,050 Hz; `regions` say where speech is.

    Without the network that tells turns apart, stretches of speech stand for them.
    """
    audio = soxr.resample(samples, SAMPLE_RATE, RATE, quality="HQ")
    turns = find_turns(audio, regions) if turns_are_found() else plain_turns(regions)
    return embed_turns(audio, turns, ENCODERS[encoder])
