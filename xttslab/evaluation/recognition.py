"""Recordings in, the words that a speech recogniser hears in them, with their times, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np

from xttslab.evaluation.acoustics import quietest_cut
from xttslab.evaluation.clips import RATE
from xttslab.evaluation.predictors import PredictorMissing, require
from xttslab.evaluation.whisper_model import PACKAGED, resolve

_WINDOW = 28 * RATE  # Whisper hears at most 30 s at once
_TOKENS_PER_SECOND = 10  # fast Hungarian needs 6; more is a recogniser that loops
_INSTALL = "run `pip install faster-whisper`"


@dataclass(frozen=True)
class Word:
    """A recognised word; times in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Heard:
    """What was recognised in one recording, in order."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as running text."""
        return "".join(word.text for word in self.words).strip()


@dataclass(frozen=True)
class Recogniser:
    """faster-whisper with the limits that keep `base` from looping on synthetic speech.

    `model` is `packaged`, a model name of faster-whisper or a local folder; the model is loaded
    once per process. Recognition is greedy in temperature and so repeatable.
    """

    model: str = PACKAGED
    language: str = "hu"
    device: str = "cpu"
    compute_type: str = "int8"
    beam_size: int = 5
    batch_size: int = 8

    def transcribe(
        self, audios: Sequence[np.ndarray], on_done: Callable[[int], None] | None = None
    ) -> list[Heard]:
        """Recognise float32 clips at 16 kHz of any length; an empty or mute one has no words.

        Clips of like length share a batch. `on_done` is told how many pieces a batch finished.
        Raises PredictorMissing when faster-whisper or the model cannot be loaded.
        """
        pipeline = _pipeline(self.model, self.device, self.compute_type)
        pieces = [piece for row, audio in enumerate(audios) for piece in _pieces(row, audio)]
        pieces.sort(key=lambda piece: len(piece.audio))
        words: list[list[Word]] = [[] for _ in audios]
        for start in range(0, len(pieces), self.batch_size):
            batch = pieces[start : start + self.batch_size]
            for piece, heard in zip(batch, self._batch(pipeline, batch), strict=True):
                words[piece.row] += heard
            if on_done:
                on_done(len(batch))
        return [Heard(tuple(sorted(row, key=lambda word: word.start))) for row in words]

    def _batch(self, pipeline: Any, batch: Sequence[_Piece]) -> list[list[Word]]:
        """Recognise up to `batch_size` pieces in one pass: they are joined, and told apart again
        by the places that the pipeline is given."""
        ends = np.cumsum([len(piece.audio) for piece in batch]) / RATE
        starts = np.concatenate(([0.0], ends[:-1]))
        spans = [{"start": a, "end": b} for a, b in zip(starts, ends, strict=True)]
        longest = max(len(piece.audio) for piece in batch) / RATE
        segments, _ = pipeline.transcribe(
            np.concatenate([piece.audio for piece in batch]),
            language=self.language,
            beam_size=self.beam_size,
            batch_size=self.batch_size,
            clip_timestamps=spans,
            word_timestamps=True,
            without_timestamps=True,
            temperature=0.0,
            no_repeat_ngram_size=4,
            repetition_penalty=1.1,
            max_new_tokens=min(200, ceil(longest * _TOKENS_PER_SECOND) + 16),
        )
        heard: list[list[Word]] = [[] for _ in batch]
        for segment in segments:
            row = int(np.argmin(np.abs(starts - segment.seek / 100)))  # seek: 10 ms, rounded down
            shift = batch[row].offset - starts[row]
            heard[row] += [
                Word(word.word, float(word.start + shift), float(word.end + shift))
                for word in segment.words or ()
            ]
        return heard


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part of recording `row`, at most 28 s long, that begins `offset` seconds into it."""

    row: int
    offset: float
    audio: np.ndarray


def _pieces(row: int, audio: np.ndarray) -> list[_Piece]:
    """Cut a recording where it is quietest, into pieces that Whisper hears whole."""
    if not np.any(audio):
        return []
    pieces, start = [], 0
    while len(audio) - start > _WINDOW:
        cut = start + quietest_cut(audio[start : start + _WINDOW], after=_WINDOW // 2)
        pieces.append(_Piece(row, start / RATE, audio[start:cut]))
        start = cut
    return [*pieces, _Piece(row, start / RATE, audio[start:])]


@lru_cache(maxsize=2)
def _pipeline(model: str, device: str, compute_type: str) -> Any:
    package = require("faster_whisper", _INSTALL)
    try:
        whisper = package.WhisperModel(resolve(model), device=device, compute_type=compute_type)
    except (OSError, RuntimeError, ValueError) as fault:  # no such name, no network, no such device
        reason = str(fault).splitlines()[0]
        raise PredictorMissing(
            f"speech recogniser {model!r} cannot be loaded ({reason}); "
            f"use model={PACKAGED} or a folder that holds a faster-whisper model"
        ) from fault
    return package.BatchedInferencePipeline(whisper)
