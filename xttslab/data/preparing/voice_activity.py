"""Detects speech with Silero VAD (MIT), trims the silence around it and segments at pauses.

The model file of the `silero-vad` package is run directly: importing the package would load torch
into every worker and set its number of threads for the whole process.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import soxr
from pydantic import Field, NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE, true_runs
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
_HOP = int(0.01 * SAMPLE_RATE)
_AS_LOUD = 10 ** (-20 / 20)  # of the speech: this is no pause any more
_OVER_NOISE = 4.0  # times the quietest twentieth
_LASTING = 10  # frames; shorter sounds are clicks
Span = tuple[float, float]
_UNEVEN = 0.25  # cost of a passage at its shortest or longest
_FORCED = 100.0  # cost of a second beyond the longest


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


@dataclass(frozen=True)
class Trimming:
    """Silence kept on both sides in seconds, and how far a soft ending may reach past the VAD.

    Voice activity models end early on final consonants such as `s` and `sz`; so the speech is
    followed outwards while it stays above `floor_db` relative to its own level. They also miss
    whole words; so of a clip whose ends a person has set nothing goes that is nearly as loud as the
    speech and lasts 0.1 s.
    """

    margin_s: NonNegativeFloat
    reach_s: NonNegativeFloat
    floor_db: float

    def bounds(
        self,
        samples: np.ndarray,
        regions: Sequence[tuple[float, float]],
        whole: bool = False,
    ) -> tuple[int, int] | None:
        """(start, end) in samples to keep of (n,) samples; None where no speech was found.

        `whole`: a person set the ends, where others were chosen by the detector.
        """
        if not regions:
            return None
        level = frame_rms(samples)
        first = min(int(regions[0][0] * SAMPLE_RATE) // _HOP, len(level) - 1)
        last = min(int(regions[-1][1] * SAMPLE_RATE) // _HOP, len(level))
        speech = float(np.sqrt(np.mean(np.square(level[first : max(last, first + 1)]))))
        quiet = float(np.percentile(level, 5))
        floor = max(speech * 10 ** (self.floor_db / 20), 2.0 * quiet)
        reach = int(self.reach_s * SAMPLE_RATE) // _HOP
        first = _follow(level, first, -1, reach, floor)
        last = _follow(level, last - 1, 1, reach, floor) + 1
        if whole:
            sounds = true_runs(level > max(_AS_LOUD * speech, _OVER_NOISE * quiet))
            sounds = sounds[sounds[:, 1] - sounds[:, 0] >= _LASTING]
            first, last = min([first, *sounds[:, 0]]), max([last, *sounds[:, 1]])
        margin = int(self.margin_s * SAMPLE_RATE)
        return max(0, first * _HOP - margin), min(len(samples), last * _HOP + margin)


def frame_rms(samples: np.ndarray) -> np.ndarray:
    """RMS of every whole 10 ms, (n // 220,); one value at least."""
    frames = max(len(samples) // _HOP, 1)
    padded = np.zeros(frames * _HOP, np.float32)
    padded[: min(len(samples), frames * _HOP)] = samples[: frames * _HOP]
    return np.sqrt(np.mean(np.square(padded.reshape(frames, _HOP)), axis=1))


def _follow(level: np.ndarray, index: int, step: int, reach: int, floor: float) -> int:
    last = index + reach * step
    while index != last and 0 <= index + step < len(level) and level[index + step] >= floor:
        index += step
    return index


@dataclass(frozen=True)
class Segmentation:
    """Cuts at pauses: always at those of `split_pause_s`; within a passage longer than `max_s` at
    the longest pauses that leave parts of at least `min_s`.

    A passage shorter than `min_s` joins its nearer neighbour over at most `join_pause_s`. What has
    no pause may last up to `ceiling_s`; only beyond that is it cut inside speech, at the least
    likely moment.
    """

    min_s: PositiveFloat
    max_s: PositiveFloat
    ceiling_s: PositiveFloat
    split_pause_s: PositiveFloat
    join_pause_s: PositiveFloat

    def __post_init__(self) -> None:
        if not self.min_s < self.max_s <= self.ceiling_s:
            order = f"{self.min_s} < {self.max_s} <= {self.ceiling_s}"
            raise ValueError(f"min_s < max_s <= ceiling_s does not hold: {order}")

    def passages(self, regions: Sequence[Span], probability: np.ndarray) -> list[Span]:
        """(start, end) of every passage, in seconds and in order.

        `regions` are stretches of speech in order, `probability` (frames,) of speech every 32 ms.
        """
        short = [part for span in regions for part in self._bearable(span, probability)]
        groups: list[list[Span]] = []
        for span in short:
            if groups and span[0] - groups[-1][-1][1] < self.split_pause_s:
                groups[-1].append(span)
            else:
                groups.append([span])
        return [(part[0][0], part[-1][1]) for part in self.grouped(groups)]

    def grouped(self, groups: Sequence[Sequence[Span]]) -> list[list[Span]]:
        """The same spans in order, a list a passage: short groups joined, long ones divided."""
        joined = self._joined([list(group) for group in groups])
        return [part for group in joined for part in self._divided(group)]

    def _bearable(self, span: Span, probability: np.ndarray) -> list[Span]:
        """Cut one stretch without a pause until no part passes the ceiling."""
        start, end = span
        if end - start <= self.ceiling_s:
            return [span]
        parts = int(np.ceil((end - start) / self.max_s))
        goal = start + (end - start) / parts
        low = round((goal - self.max_s / 4) / FRAME_SECONDS)
        high = round((goal + self.max_s / 4) / FRAME_SECONDS)
        cut = (low + int(np.argmin(probability[low:high])) + 0.5) * FRAME_SECONDS
        return [(start, cut), *self._bearable((cut, end), probability)]

    def _joined(self, groups: list[list[Span]]) -> list[list[Span]]:
        """Give every short group to the neighbour that is nearer, where the two fit together."""
        joined = [list(group) for group in groups]
        index = 0
        while index < len(joined):
            group = joined[index]
            if group[-1][1] - group[0][0] >= self.min_s:
                index += 1
                continue
            pauses = []
            for left in (index - 1, index):
                if 0 <= left < len(joined) - 1:
                    pause = joined[left + 1][0][0] - joined[left][-1][1]
                    length = joined[left + 1][-1][1] - joined[left][0][0]
                    if pause <= self.join_pause_s and length <= self.max_s:
                        pauses.append((pause, left))
            if not pauses:
                index += 1
                continue
            _, left = min(pauses)
            joined[left : left + 2] = [joined[left] + joined[left + 1]]
            index = left
        return joined

    def _divided(self, group: list[Span]) -> list[list[Span]]:
        """The cheapest way to cut a group at its pauses, by dynamic programming."""
        if group[-1][1] - group[0][0] <= self.max_s:
            return [group]
        cheapest: list[tuple[float, int]] = [(0.0, 0)]  # cost of the first n spans, last cut
        for stop in range(1, len(group) + 1):
            options = []
            for start in range(stop - 1, -1, -1):
                length = group[stop - 1][1] - group[start][0]
                if length > self.ceiling_s and options:
                    break
                options.append((cheapest[start][0] + self._cost(group, start, length), start))
            cheapest.append(min(options))
        parts, stop = [], len(group)
        while stop:
            start = cheapest[stop][1]
            parts.append(group[start:stop])
            stop = start
        return parts[::-1]

    def _cost(self, group: list[Span], start: int, length: float) -> float:
        """Prefers long pauses before a part, lengths between the bounds, and few parts."""
        pause = group[start][0] - group[start - 1][1] if start else self.split_pause_s
        middle = (self.min_s + self.max_s) / 2
        uneven = _UNEVEN * ((length - middle) / (self.max_s - middle)) ** 2
        outside = max(0.0, length - self.max_s) + max(0.0, self.min_s - length)
        return 1.0 - min(pause / self.split_pause_s, 1.0) + uneven + _FORCED * outside
