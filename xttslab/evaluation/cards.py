"""Builds the scorecard of a set of clips from its scored aspects, and applies the gates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.reasons import ClipEvidence, bad_points, good_points
from xttslab.evaluation.scales import (
    Interval,
    ScoredAspect,
    interval,
    limit,
    make_scale,
    to_score,
)
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard
from xttslab.evaluation.settings import HIGHEST, Scoring


def make_card(
    measured: Measured,
    scored: Mapping[str, ScoredAspect],
    features: np.ndarray,
    reasons: Mapping[str, str],
    doubts: Mapping[str, str],
    real: RealProsody,
    scoring: Scoring,
) -> Scorecard:
    """Put the card together. `features` (n, 4) are the clips' centred prosody; `reasons` says
    by measure why there is no score, or not of every category, `doubts` why aspects do not count in
    overall."""
    weights = {name: scoring.weights[name] for name in scored if name not in doubts}
    clips = tuple(
        _clip_score(row, measured, scored, weights, features, real, scoring)
        for row in range(len(measured.clips))
    )
    ranked = sorted((clip for clip in clips if clip.score is not None), key=lambda clip: clip.score)
    shown = min(scoring.shown, len(ranked) // 2) or len(ranked[:1])
    reasons = {**measured.missing, **{name: why for name, why in reasons.items() if why}}
    overall = _overall(scored, weights, scoring)
    return Scorecard(
        overall=overall,
        overall_by_category=_by_category(scored, weights, scoring),
        aspects={
            name: _aspect(name, scored.get(name), reasons, doubts.get(name, ""), scoring)
            for name in ASPECTS
        },
        clips=clips,
        best=tuple(clip.name for clip in ranked[::-1][:shown]),
        worst=tuple(clip.name for clip in ranked[:shown]),
        missing=dict(measured.missing),
        seconds=dict(measured.seconds),
        measured_with={"recogniser": scoring.recogniser.name, "language": scoring.language},
        failures=_failures(scored, overall, scoring),
    )


def _clip_score(
    row: int,
    measured: Measured,
    scored: Mapping[str, ScoredAspect],
    weights: Mapping[str, float],
    features: np.ndarray,
    real: RealProsody,
    scoring: Scoring,
) -> ClipScore:
    clip, heard = measured.clips[row], measured.heard[row]
    scores = {name: float(to_score(found.shares[row])) for name, found in scored.items()}
    scores = {name: score for name, score in scores.items() if not np.isnan(score)}
    measures = {name: float(column[row]) for name, column in measured.values.items()}
    measures = {name: value for name, value in measures.items() if not np.isnan(value)}
    words = heard.text if heard is not None else None
    mute = bool(measured.mute[row])
    told = not mute and "emotion" in scores
    counted = {name: score for name, score in scores.items() if name in weights}
    evidence = ClipEvidence(
        measures=measures,
        scores={} if mute else counted,
        plain=_plain(measures, scored, scoring),
        behind={name: found.measure for name, found in scored.items()},
        heard=words,
        weights=scoring.defects,
        tone=real.deviation(features[row], clip.category) if told else None,
        category=clip.category,
    )
    return ClipScore(
        clip.name, clip.text, clip.category, clip.seed, clip.sentence_set, clip.seconds,
        measures, scores, _held(_mean(counted, weights), counted, scoring), words, mute,
        good_points(evidence), "nothing is to be heard" if mute else bad_points(evidence),
    )  # fmt: skip


def _plain(
    measures: Mapping[str, float], scored: Mapping[str, ScoredAspect], scoring: Scoring
) -> dict[str, float]:
    """Aspect → the score of one clip's raw measure on the scale of the configuration; without
    emotion, whose scale is the category's own at both ends."""
    return {
        name: float(to_score(make_scale(rule, None, None).share(np.array(measures[found.measure]))))
        for name, found in scored.items()
        if name != "emotion"
        and found.measure in measures
        and (rule := scoring.scales[found.measure])
    }


def _aspect(
    name: str,
    scored: ScoredAspect | None,
    reasons: Mapping[str, str],
    doubt: str,
    scoring: Scoring,
) -> AspectScore:
    rule = ASPECTS[name]
    if scored is None:
        why = [reasons[measure] for measure in rule.measures if measure in reasons]
        return AspectScore(
            name, None, {}, rule.measures[0], None, None, None, rule.basis, rule.validated, {},
            missing="; ".join(dict.fromkeys(why)) or "no clip has what it is measured from",
        )  # fmt: skip
    found = interval(scored.share, scored.draws, scoring.confidence)
    notes = [
        f"{m}: {reasons[m]}" for m in rule.measures if m in reasons and m != "emotion_distance"
    ]
    return AspectScore(
        aspect=name,
        score=_in_scores(found),
        by_category={key: float(to_score(share)) for key, share in scored.by_category.items()},
        measure=scored.measure,
        value=None if np.isnan(scored.value) else scored.value,
        floor=scored.floor,
        ceiling=scored.ceiling,
        basis=rule.basis,
        validated=rule.validated,
        details=dict(scored.details),
        notes=(*scored.notes, *notes),
        doubt=doubt,
    )


def _overall(
    scored: Mapping[str, ScoredAspect], weights: Mapping[str, float], scoring: Scoring
) -> Interval | None:
    """Weighted mean of the aspects that count, each cut off at 10 first, and then held down by the
    gates of all that were measured; None where nothing counts."""
    if not sum(weights.values()):
        return None
    share = _mean({name: min(scored[name].share, 1.0) for name in weights}, weights)
    parts = np.stack([weights[name] * np.clip(scored[name].draws, 0, 1) for name in weights])
    draws = parts.sum(axis=0) / sum(weights.values())
    for name, rule in scoring.gates.items():
        if name in scored:
            share = min(share, float(limit(scored[name].share, rule, scoring.failed)))
            draws = np.minimum(draws, limit(scored[name].draws, rule, scoring.failed))
    return _in_scores(interval(share, draws, scoring.confidence))


def _failures(
    scored: Mapping[str, ScoredAspect], overall: Interval | None, scoring: Scoring
) -> tuple[str, ...]:
    """The gates that fail, or hold overall where it is, in words, lowest limit first."""
    found = []
    for name, rule in scoring.gates.items():
        if name not in scored or overall is None:
            continue
        score = float(to_score(scored[name].share))
        most = HIGHEST * float(limit(scored[name].share, rule, scoring.failed))
        if score <= rule.fails or most <= overall.value + 1e-6 < HIGHEST:
            held = f"overall is at most {most:.1f}"
            found.append((most, f"{ASPECTS[name].failure} ({score:.1f} of 10): {held}"))
    return tuple(words for _, words in sorted(found))


def _by_category(
    scored: Mapping[str, ScoredAspect], weights: Mapping[str, float], scoring: Scoring
) -> dict[str, float]:
    tables: dict[str, dict[str, float]] = {}
    for aspect, found in scored.items():
        for category, share in found.by_category.items():
            tables.setdefault(category, {})[aspect] = float(to_score(share))
    means = {
        category: (_mean({k: v for k, v in scores.items() if k in weights}, weights), scores)
        for category, scores in tables.items()
    }
    return {
        category: _held(mean, scores, scoring)
        for category, (mean, scores) in means.items()
        if mean is not None
    }


def _held(score: float | None, scores: Mapping[str, float], scoring: Scoring) -> float | None:
    """A mean score, held down by the gates of the scores behind it."""
    limits = [
        HIGHEST * float(limit(scores[name] / HIGHEST, rule, scoring.failed))
        for name, rule in scoring.gates.items()
        if name in scores
    ]
    return None if score is None else min([score, *limits])


def _mean(scores: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    total = sum(weights[name] for name in scores)
    return sum(weights[name] * score for name, score in scores.items()) / total if total else None


def _in_scores(share: Interval) -> Interval:
    """Shares as scores, 0 to 10."""
    low, high = np.clip((share.low, share.high), 0, 1)
    return Interval(float(to_score(share.value)), float(HIGHEST * low), float(HIGHEST * high))
