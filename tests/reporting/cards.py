"""Scorecards made of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.scales import Interval
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard


def card(texts: Sequence[str], scores: np.ndarray, measured: str = "naturalness") -> Scorecard:
    """One clip a text with this score in one aspect; all other aspects were not measured."""
    clips = tuple(
        ClipScore(
            f"{n:02d}_neutral.wav", text, "neutral", 7, "sentences", 2.0, {}, {measured: score},
            score, text, False, "it is clean", "it clicks",
        )
        for n, (text, score) in enumerate(zip(texts, scores.tolist(), strict=True))
    )  # fmt: skip
    overall = Interval(float(scores.mean()), float(scores.mean()) - 0.5, float(scores.mean()) + 0.5)
    aspects = {name: _aspect(name, overall if name == measured else None) for name in ASPECTS}
    ranked = sorted(clips, key=lambda clip: -clip.score)
    return Scorecard(
        overall=overall,
        overall_by_category={"neutral": overall.value},
        aspects=aspects,
        clips=clips,
        best=(ranked[0].name,),
        worst=(ranked[-1].name,),
        missing={},
        seconds={},
        measured_with={},
    )


def _aspect(name: str, score: Interval | None) -> AspectScore:
    return AspectScore(
        aspect=name,
        score=score,
        by_category={"neutral": score.value} if score else {},
        measure="distillmos",
        value=3.5 if score else None,
        floor=None,
        ceiling=None,
        basis="a predictor",
        validated="never checked here",
        details={},
        missing="" if score else "nothing to measure it with",
    )


def voice_card(
    levels: Mapping[str, float], texts: Sequence[str], noise: float = 0.5, seed: int = 0
) -> Scorecard:
    """Two utterances a text with these scores by aspect, give or take `noise`."""
    random = np.random.default_rng(seed)
    clips = []
    for n, text in enumerate(texts, 1):
        for said in (7, 8):
            scores = {
                name: float(np.clip(level + random.normal(0, noise), 0, 10))
                for name, level in levels.items()
            }
            clips.append(
                ClipScore(
                    f"greeting_{n:02d}_s{said}.wav", text, "greeting", said, "categories", 2.0, {},
                    scores, float(np.mean(list(scores.values()))), text, False, "", "",
                )
            )  # fmt: skip
    means = {name: float(np.mean([clip.scores[name] for clip in clips])) for name in levels}
    overall = float(np.mean(list(means.values())))
    aspects = {
        name: _aspect(name, Interval(means[name], means[name] - 0.4, means[name] + 0.4))
        if name in means
        else _aspect(name, None)
        for name in ASPECTS
    }
    ranked = sorted(clips, key=lambda clip: -clip.score)
    return Scorecard(
        overall=Interval(overall, overall - 0.3, overall + 0.3),
        overall_by_category={},
        aspects=aspects,
        clips=tuple(clips),
        best=(ranked[0].name,),
        worst=(ranked[-1].name,),
        missing={},
        seconds={},
        measured_with={},
    )
