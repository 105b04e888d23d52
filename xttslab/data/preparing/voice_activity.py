"""The probability of speech for every 32 ms of a recording, by Silero VAD (MIT licence).

The model file of the `silero-vad` package is run directly: importing the package would load torch
into every worker and set its number of threads for the whole process.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import soxr
from pydantic import Field, NonNegativeFloat
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

FRAME_SECONDS = 512 / 16_000  # one probability each
_RATE, _FRAME, _CONTEXT = 16_000, 512, 64
_BLOCK = 512  # frames per call
# The model misses speech far below or above the levels it was trained on: 4 % of its frames at
# -50 dBFS, a fifth 10 dB further down.
_QUIETEST, _LOUDEST, _USUAL = 1e-5, 1.0, 10**-2.5  # mean squares
_SECOND = 31  # frames
Share = Annotated[float, Field(ge=0, le=1)]


def speech_probability(
    samples: np.ndarray, rate: int = SAMPLE_RATE, gain: float | None = None
) -> np.ndarray:
    """Probability of speech per frame of 32 ms, float32 (ceil(n / 0.032 s),).

    `samples`: (n,) mono. Silero's sequence model gives the same numbers as its streaming one.
    `gain` is what the model hears them with, for a part of a recording the `detector_gain` of the
    whole; None: their own.
    """
    wave = samples if rate == _RATE else soxr.resample(samples, rate, _RATE, quality="HQ")
    factor = detector_gain([wave], _RATE) if gain is None else gain
    if factor != 1.0:
        wave = wave * np.float32(factor)
    frames = -(-len(wave) // _FRAME)
    if not frames:
        return np.zeros(0, np.float32)
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    found = []
    for start in range(0, frames, _BLOCK):
        block = _windows(wave, start, min(start + _BLOCK, frames))
        values, hidden, cell = _session().run(None, {"input": block, "h": hidden, "c": cell})
        found.append(values)
    return np.concatenate(found)


def detector_gain(blocks: Iterable[np.ndarray], rate: int = SAMPLE_RATE) -> float:
    """The factor that brings a very quiet or loud recording, (n,) samples at a time, to a usual
    level; 1 for all others. Its level is that of its loudest second, clicks left out."""
    frame = int(FRAME_SECONDS * rate)
    loudest = 0.0
    for block in blocks:
        frames = max(len(block) // frame, 1)
        whole = block[: frames * frame].reshape(frames, -1) if len(block) else np.zeros((1, 1))
        power = np.square(whole, dtype=np.float64).mean(axis=1)
        seconds = max(frames // _SECOND, 1)
        for part in np.array_split(power, seconds):
            loudest = max(loudest, float(np.median(part)))
    usual = loudest == 0.0 or _QUIETEST <= loudest <= _LOUDEST
    return 1.0 if usual else float(np.sqrt(_USUAL / loudest))


def _windows(wave: np.ndarray, first: int, end: int) -> np.ndarray:
    """Frames `first` to `end` of (n,) samples, each after its context, (frames, 576); silence
    stands before the first sample and after the last."""
    start = first * _FRAME - _CONTEXT
    part = wave[max(start, 0) : end * _FRAME]
    padded = np.zeros(_CONTEXT + (end - first) * _FRAME, np.float32)
    before = max(-start, 0)
    padded[before : before + len(part)] = part
    windows = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + _FRAME)
    return np.ascontiguousarray(windows[::_FRAME])


@dataclass(frozen=True)
class SpeechFinder:
    """Turns probabilities into stretches of speech, with hysteresis between two thresholds."""

    enter: Share
    leave: Share
    min_speech_s: NonNegativeFloat
    min_pause_s: NonNegativeFloat

    def regions(self, probability: np.ndarray) -> list[tuple[float, float]]:
        """(start, end) in seconds of every stretch of speech, in order."""
        spans: list[list[float]] = []
        speaking = False
        for index, value in enumerate(probability):
            now = index * FRAME_SECONDS
            if not speaking and value >= self.enter:
                speaking = True
                if spans and now - spans[-1][1] < self.min_pause_s:
                    continue
                spans.append([now, now])
            elif speaking and value < self.leave:
                speaking = False
                spans[-1][1] = now
        if speaking:
            spans[-1][1] = len(probability) * FRAME_SECONDS
        return [(a, b) for a, b in spans if b - a >= self.min_speech_s]


@functools.cache
def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise UserError("silero-vad is not installed; run `pip install silero-vad`")
    model = Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(model), sess_options=options, providers=["CPUExecutionProvider"]
    )
