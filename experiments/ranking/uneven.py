"""Voices in, pairs of an even and an uneven set of recordings with their spread out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from experiments.ranking.material import Voice
from experiments.ranking.pairs import Pair
from experiments.ranking.planting import click, dropout, stutter, white_noise
from xttslab.data.speaker_encoders import campplus
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.evaluation.scales import ClipSet, make_scale, score_means, score_spread
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.smoothness import defects_per_second, find_defects
from xttslab.evaluation.speaker_similarity import mean_similarity
from xttslab.evaluation.spoken_clips import RATE

_SET, _SPOILT = 10, 3  # clips of a set, and how many of them are spoilt
_MEASURES = {
    "voice_similarity": "speaker_similarity",
    "naturalness": "distillmos",
    "smoothness": "defects_per_s",
}


def consistency_pairs(
    voices: Mapping[str, Voice], scoring: Scoring, each: int, random: np.random.Generator
) -> list[Pair]:
    """Sets of 10 recordings before the same sets in which 3 were spoilt: noise at 5 dB, or many
    clicks, dropouts and a stutter."""
    pairs = []
    for name, voice in voices.items():
        clean = [clip.audio for clip in voice.clips]
        spoilt = [_spoil(audio, random) for audio in clean]
        embedded = campplus(clean)
        tables = {
            "clean": _measures(clean, embedded, scoring),
            "spoilt": _measures(spoilt, embedded, scoring),
        }
        for _ in range(each):
            rows = random.choice(len(clean), _SET, replace=False)
            even = {key: column[rows] for key, column in tables["clean"].items()}
            uneven = {
                key: np.concatenate([tables["spoilt"][key][rows[:_SPOILT]], column[_SPOILT:]])
                for key, column in even.items()
            }
            kind = f"{name}: even before 3 of 10 spoilt"
            pairs.append(
                Pair("consistency", kind, -_spread(even, scoring), -_spread(uneven, scoring))
            )
    return pairs


def _spoil(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if random.random() < 0.5:
        return white_noise(audio, 5.0, random)
    return stutter(dropout(click(audio, random), random), random)


def _measures(
    audios: list[np.ndarray], references: np.ndarray, scoring: Scoring
) -> dict[str, np.ndarray]:
    rates = [defects_per_second(find_defects(a), len(a) / RATE, scoring.defects) for a in audios]
    return {
        "speaker_similarity": mean_similarity(campplus(audios), references),
        "distillmos": predict_distillmos(audios),
        "defects_per_s": np.array(rates),
    }


def _spread(values: Mapping[str, np.ndarray], scoring: Scoring) -> float:
    """The raw measure of consistency, by the code that scorecards use."""
    clips = ClipSet(("",) * _SET, ("",) * _SET, np.zeros(_SET, dtype=bool), np.ones((1, _SET)))
    scored = {}
    for aspect, measure in _MEASURES.items():
        scale = make_scale(scoring.scales[measure], None, None)
        found = score_means(measure, values[measure], np.ones(_SET), scale, clips)
        if found is not None:
            scored[aspect] = found
    rule = scoring.scales["spread"]
    spread = score_spread(scored, {}, (rule.floor, rule.ceiling), clips)
    return spread.value if spread is not None else float("nan")
