"""Takes every raw measure of a set of clips that this machine has a predictor for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from xttslab.evaluation.mannerisms import MANNERISMS, find_mannerisms, mannerism_columns
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.evaluation.pace import measure_pace, pace_columns
from xttslab.evaluation.pronunciation import WordComparison, compare, normalise
from xttslab.evaluation.prosody import FEATURES, Prosody, columns_of, describe
from xttslab.evaluation.recognition import Recognised
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.signal import has_speech
from xttslab.evaluation.smoothness import Defects, defects_per_second, find_defects
from xttslab.evaluation.speaker_similarity import ENCODERS, embed
from xttslab.evaluation.spoken_clips import SpokenClip, at_16k
from xttslab.evaluation.stage_runner import StageRunner, Stopwatch


@dataclass(frozen=True, eq=False)
class Measured:
    """Raw measures of a set of n clips; what has no value is NaN or None.

    voices: measure → speaker embeddings (n, size). values: measure → (n,). weights: measure → (n,),
    how much each clip counts in a mean (1 where a measure is not listed). missing: measure → why no
    clip has it. seconds: stage → time taken.
    """

    clips: tuple[SpokenClip, ...]
    mute: np.ndarray
    voices: Mapping[str, np.ndarray]
    heard: tuple[Recognised | None, ...]
    prosody: tuple[Prosody | None, ...]
    values: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    missing: Mapping[str, str]
    seconds: Mapping[str, float]

    def with_values(self, values: Mapping[str, np.ndarray]) -> Measured:
        """These clips with further measures, (n,) each; measures that were taken stay."""
        return replace(self, values={**values, **self.values})

    def chosen(self, rows: Sequence[int]) -> Measured:
        """Some of the clips that were measured together."""
        kept = np.asarray(rows, dtype=int)
        return replace(
            self,
            clips=tuple(self.clips[row] for row in rows),
            mute=self.mute[kept],
            voices={name: table[kept] for name, table in self.voices.items()},
            heard=tuple(self.heard[row] for row in rows),
            prosody=tuple(self.prosody[row] for row in rows),
            values={name: column[kept] for name, column in self.values.items()},
            weights={name: column[kept] for name, column in self.weights.items()},
        )


def joined(parts: Sequence[Measured], clips: Sequence[SpokenClip], latest: Measured) -> Measured:
    """Clips that were measured one by one, as one set; what was missing, and the time it took, are
    those of the `latest` measurement."""
    names = [name for name in latest.voices if all(name in part.voices for part in parts)]
    return Measured(
        clips=tuple(clips),
        mute=np.concatenate([latest.mute[:0], *(part.mute for part in parts)]),
        voices={name: np.concatenate([part.voices[name] for part in parts]) for name in names},
        heard=tuple(part.heard[0] for part in parts),
        prosody=tuple(part.prosody[0] for part in parts),
        values={
            name: np.concatenate([latest.values[name][:0], *(part.values[name] for part in parts)])
            for name in latest.values
        },
        weights={
            name: np.concatenate([column[:0], *(part.weights[name] for part in parts)])
            for name, column in latest.weights.items()
        },
        missing=latest.missing,
        seconds=latest.seconds,
    )


def measure(
    clips: Sequence[SpokenClip],
    scoring: Scoring,
    progress: bool = False,
    watch: Stopwatch | None = None,
) -> Measured:
    """Take every measure that this machine has a predictor for; `progress` shows bars, `watch`
    adds the stages of several calls up."""
    with StageRunner(progress, len(clips), watch) as stages:
        audios = [at_16k(clip) for clip in clips]
        mute = np.array([not has_speech(audio) for audio in audios], dtype=bool)
        voices = _embed(audios, stages)
        heard = _recognise(clips, audios, scoring, stages)
        compared = _compare(clips, heard, scoring.language)
        values = columns_of(compared, ["cer"])
        values["distillmos"] = _naturalness(audios, stages)
        prosody = measure_prosody(clips, audios, scoring.language, stages)
        values |= columns_of(prosody, FEATURES)
        values |= pace_columns(stages.each("pace", ["pace_distance"], audios, measure_pace))
        found = stages.each("mannerisms", list(MANNERISMS), audios, find_mannerisms)
        values |= mannerism_columns(found)
        defects = _defects(clips, audios, compared, stages)
        values |= _defect_columns(defects, clips, scoring)
    weights = {
        "cer": np.array([len(normalise(clip.text, scoring.language)) for clip in clips], float),
        "defects_per_s": np.array([clip.seconds for clip in clips]),
    }
    return Measured(
        tuple(clips), mute, voices, heard, prosody, values, weights, stages.missing,
        stages.seconds,
    )  # fmt: skip


def _embed(audios: Sequence[np.ndarray], stages: StageRunner) -> dict[str, np.ndarray]:
    found = {
        name: stages.run("speaker", [name], lambda name=name: embed(name, audios))
        for name in ENCODERS
    }
    return {name: embeddings for name, embeddings in found.items() if embeddings is not None}


def _naturalness(audios: Sequence[np.ndarray], stages: StageRunner) -> np.ndarray:
    found = stages.run(
        "distillmos", ["distillmos"], lambda: predict_distillmos(audios, stages.advance)
    )
    return np.full(len(audios), np.nan) if found is None else found


def measure_prosody(
    clips: Sequence[SpokenClip], audios: Sequence[np.ndarray], language: str, stages: StageRunner
) -> tuple[Prosody | None, ...]:
    """Prosody of every clip that holds sound."""

    def one(pair: tuple[SpokenClip, np.ndarray]) -> Prosody | None:
        clip, audio = pair
        return describe(audio, clip.text, language) if has_speech(audio) else None

    pairs = list(zip(clips, audios, strict=True))
    return tuple(stages.each("prosody", [*FEATURES, "emotion_distance"], pairs, one))


def _recognise(
    clips: Sequence[SpokenClip], audios: Sequence[np.ndarray], scoring: Scoring, stages: StageRunner
) -> tuple[Recognised | None, ...]:
    """Words heard in the clips that have a text; the others need no recognition."""
    rows = [i for i, clip in enumerate(clips) if normalise(clip.text, scoring.language)]
    wanted = [audios[i] for i in rows]
    found = stages.run(
        "recognition", ["cer"], lambda: scoring.recogniser.transcribe(wanted, stages.advance)
    )
    heard: list[Recognised | None] = [None] * len(clips)
    for row, words in zip(rows, found or (), strict=found is not None):
        heard[row] = words
    return tuple(heard)


def _compare(
    clips: Sequence[SpokenClip], heard: Sequence[Recognised | None], language: str
) -> list[WordComparison | None]:
    return [
        compare(words, clip.text, language) if words is not None else None
        for clip, words in zip(clips, heard, strict=True)
    ]


def _defects(
    clips: Sequence[SpokenClip],
    audios: Sequence[np.ndarray],
    compared: Sequence[WordComparison | None],
    stages: StageRunner,
) -> list[Defects | None]:
    def one(row: int) -> Defects | None:
        if not has_speech(audios[row]):
            return None
        end = compared[row].speech_end if compared[row] else None
        return find_defects(audios[row], end, clips[row].codes)

    return stages.each("smoothness", ["defects_per_s"], range(len(clips)), one)


def _defect_columns(
    defects: Sequence[Defects | None], clips: Sequence[SpokenClip], scoring: Scoring
) -> dict[str, np.ndarray]:
    rates = [
        found and defects_per_second(found, clip.seconds, scoring.defects)
        for found, clip in zip(defects, clips, strict=True)
    ]
    kinds = [field.name for field in fields(Defects)]
    return {"defects_per_s": np.array(rates, dtype=float), **columns_of(defects, kinds)}
