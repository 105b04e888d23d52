"""Scorecards made of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xttslab.evaluation.scales import Interval
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard
from xttslab.evaluation.settings import ASPECTS


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
