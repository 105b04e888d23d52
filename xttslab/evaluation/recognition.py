"""Recognises speech with Whisper (faster-whisper), by the best model that this machine has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic import dataclasses as checked

from xttslab.data.predictors import PredictorMissing, require
from xttslab.evaluation.recogniser_models import (
    AUTO,
    CPU,
    CUDA,
    IN_HUB,
    INSTALL_WHISPER,
    PACKAGED,
    candidates,
    command_to_get,
    files_of,
    first_cached,
    resolve,
)
from xttslab.evaluation.signal import quietest_cut
from xttslab.evaluation.spoken_clips import RATE

_WINDOW = 28 * RATE  # Whisper hears at most 30 s at once
_TOKENS_PER_SECOND = 10  # fast Hungarian needs 6; more is a recogniser that loops
_MODEL = f"use {AUTO} or {PACKAGED}, or a folder that holds a faster-whisper model"
_DEVICE = "use cpu"
_USUAL_TYPES = {CPU: "int8", CUDA: "float16"}


@dataclass(frozen=True)
class Word:
    """A recognised word; times in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Recognised:
    """What was recognised in one recording, in order."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as running text."""
        return "".join(word.text for word in self.words).strip()


class RecogniserFault(PredictorMissing):
    """A setting of `Recogniser` that cannot be used here; the message begins `setting=value: `."""

    def __init__(self, setting: str, value: object, reason: object, remedy: str) -> None:
        line = (str(reason).splitlines() or [type(reason).__name__])[0].rstrip(".")
        super().__init__(f"{setting}={value}: {line}; {remedy}")


@checked.dataclass(frozen=True)
class Recogniser:
    """faster-whisper with the limits that keep `base` from looping on synthetic speech.

    `model` is `auto`, `packaged`, a model name of faster-whisper or a local folder; the model is
    loaded once per process. Recognition is greedy in temperature and so repeatable.

    `auto` takes the first of the `known` models that is on this machine already, and never
    downloads: those of `card` where a card is used, `tuned` of the language, `processor`, and
    Whisper base from its wheels last. `device=auto` is a card with `card_gb` free, else the
    processor; `compute_type=auto` float16 on a card, int8 on a processor.
    """

    model: str = PACKAGED
    language: str = "hu"
    device: str = CPU
    compute_type: str = "int8"
    beam_size: PositiveInt = 5
    batch_size: PositiveInt = 8
    known: dict[str, Any] = Field(default_factory=dict)
    card_gb: NonNegativeFloat = 0.0

    def chosen(self) -> Recogniser:
        """This recogniser with a model, device and type of numbers in place of every `auto`."""
        device, model = self.device, self.model
        if device == AUTO:
            device = _device(self.card_gb)
        if model == AUTO:
            model = first_cached(candidates(self.known, device, self.language))
        numbers = self.compute_type
        numbers = _USUAL_TYPES.get(device, numbers) if numbers == AUTO else numbers
        return replace(self, model=model, device=device, compute_type=numbers)

    def beside_training(self) -> Recogniser:
        """This recogniser on the processor, unless a device was named: training needs the card."""
        return replace(self, device=CPU) if self.device == AUTO else self

    def transcribe(
        self, audios: Sequence[np.ndarray], on_done: Callable[[int], None] | None = None
    ) -> list[Recognised]:
        """Recognise float32 clips at 16 kHz of any length; an empty or mute one has no words.

        Clips of like length share a batch. `on_done` is told how many pieces a batch finished.
        Raises PredictorMissing when faster-whisper is not installed, RecogniserFault when the model
        cannot be loaded or a setting does not work on this machine.
        """
        chosen = self.chosen()
        pipeline = _pipeline(chosen.model, chosen.device, chosen.compute_type)
        pieces = [piece for row, audio in enumerate(audios) for piece in _pieces(row, audio)]
        pieces.sort(key=lambda piece: len(piece.audio))
        words: list[list[Word]] = [[] for _ in audios]
        for start in range(0, len(pieces), self.batch_size):
            batch = pieces[start : start + self.batch_size]
            try:
                found = self._batch(pipeline, batch)
            except ValueError as fault:
                remedy = "use the two letters of a language that Whisper knows"
                raise RecogniserFault("language", self.language, fault, remedy) from fault
            except RuntimeError as fault:  # CUDA's libraries are looked for at the first clip
                raise RecogniserFault("device", chosen.device, fault, _DEVICE) from fault
            for piece, heard in zip(batch, found, strict=True):
                words[piece.row] += heard
            if on_done:
                on_done(len(batch))
        return [Recognised(tuple(sorted(row, key=lambda word: word.start))) for row in words]

    @property
    def name(self) -> str:
        """What recognises, for people to read."""
        model = self.chosen().model
        return "packaged Whisper base" if model == PACKAGED else model

    def better(self) -> str:
        """What to do where this recogniser mishears too much: the model to get, and how."""
        chosen, option = self.chosen(), "evaluation.scoring.recogniser.model"
        wanted = candidates(self.known, chosen.device, self.language)
        if not wanted or wanted[0] == chosen.model:
            return f"set {option} to one that hears better, or to its folder"
        told = "" if self.model == AUTO else f", and set {option}={AUTO}"
        return f"get {wanted[0]}: `{command_to_get(wanted[0])}`{told}"

    def check(self) -> None:
        """Raise RecogniserFault for a setting that cannot work here, and PredictorMissing
        where faster-whisper is not installed, without loading the model."""
        package = require("faster_whisper", INSTALL_WHISPER)
        backend = require("ctranslate2", INSTALL_WHISPER)
        known = (AUTO, PACKAGED, *package.available_models())
        if not (self.model in known or Path(self.model).is_dir()):
            if not IN_HUB.fullmatch(self.model):
                reason = f"no folder, and no model of faster-whisper ({', '.join(known[2:])})"
                raise RecogniserFault("model", self.model, reason, _MODEL)
        if self.device not in (CPU, CUDA, AUTO):
            remedy = f"{_DEVICE}, {CUDA} or {AUTO}"
            raise RecogniserFault("device", self.device, "no such device", remedy)
        if self.device == CUDA and not backend.get_cuda_device_count():
            raise RecogniserFault("device", self.device, "no GPU that CUDA can use here", _DEVICE)
        chosen = self.chosen()
        if chosen.compute_type != "default":
            able = sorted(backend.get_supported_compute_types(chosen.device))
            if chosen.compute_type not in able:
                reason = f"not computed by this {chosen.device}"
                remedy = f"use {', '.join(able)} or {AUTO}"
                raise RecogniserFault("compute_type", chosen.compute_type, reason, remedy)

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


@lru_cache(maxsize=1)
def _device(card_gb: float) -> str:
    """The card where one has so many gigabytes free, else the processor."""
    try:
        backend = require("ctranslate2", INSTALL_WHISPER)
    except PredictorMissing:
        return CPU
    if not backend.get_cuda_device_count():
        return CPU
    import torch

    free = torch.cuda.mem_get_info()[0] / 1e9 if torch.cuda.is_available() else card_gb
    return CUDA if free >= card_gb else CPU


@lru_cache(maxsize=2)
def _pipeline(model: str, device: str, compute_type: str) -> Any:
    Recogniser(model, device=device, compute_type=compute_type).check()
    package = require("faster_whisper", INSTALL_WHISPER)
    try:
        place = resolve(model)
        whisper = package.WhisperModel(
            place, device=device, compute_type=compute_type, files=files_of(Path(place))
        )
    except (OSError, RuntimeError, ValueError) as fault:  # no such name, no network, a broken file
        raise RecogniserFault("model", model, f"cannot be loaded ({fault})", _MODEL) from fault
    except PredictorMissing as fault:
        raise RecogniserFault("model", model, fault, _MODEL) from fault
    return package.BatchedInferencePipeline(whisper)
