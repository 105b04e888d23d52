"""Builds the scorecard of a set of clips, and writes it as JSON, as a table and as lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xttslab.evaluation.bench import Stopwatch
from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.reasons import ClipEvidence, bad_points, good_points
from xttslab.evaluation.scales import (
    HIGHEST,
    Interval,
    ScoredAspect,
    interval,
    make_scale,
    to_score,
)
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard
from xttslab.evaluation.settings import ASPECTS, Scoring
from xttslab.files import write_atomically


def make_card(
    measured: Measured,
    scored: Mapping[str, ScoredAspect],
    features: np.ndarray,
    no_emotion: str,
    real: RealProsody,
    scoring: Scoring,
) -> Scorecard:
    """Put the card together. `features` (n, 4) are the clips' centred prosody; `no_emotion` says
    why categories have no score for emotion."""
    weights = {name: scoring.aspects[name].weight for name in scored}
    clips = tuple(
        _clip_score(row, measured, scored, weights, features, real, scoring)
        for row in range(len(measured.clips))
    )
    ranked = sorted((clip for clip in clips if clip.score is not None), key=lambda clip: clip.score)
    shown = min(scoring.shown, len(ranked) // 2) or len(ranked[:1])
    reasons = {**measured.missing, **({"emotion_distance": no_emotion} if no_emotion else {})}
    return Scorecard(
        overall=_overall(scored, weights, scoring),
        overall_by_category=_by_category(scored, weights),
        aspects={name: _aspect(name, scored.get(name), reasons, scoring) for name in ASPECTS},
        clips=clips,
        best=tuple(clip.name for clip in ranked[::-1][:shown]),
        worst=tuple(clip.name for clip in ranked[:shown]),
        missing=dict(measured.missing),
        seconds=dict(measured.seconds),
        measured_with={"recogniser": scoring.recogniser.model, "language": scoring.language},
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
    evidence = ClipEvidence(
        measures=measures,
        scores={} if mute else scores,
        plain=_plain(measures, scored, scoring),
        behind={name: found.measure for name, found in scored.items()},
        heard=words,
        weights=scoring.defects,
        tone=real.deviation(features[row], clip.category) if told else None,
        category=clip.category,
    )
    return ClipScore(
        clip.name, clip.text, clip.category, clip.seed, clip.sentence_set, clip.seconds,
        measures, scores, _mean(scores, weights), words, mute,
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
    name: str, scored: ScoredAspect | None, reasons: Mapping[str, str], scoring: Scoring
) -> AspectScore:
    rule = scoring.aspects[name]
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
    )


def _overall(
    scored: Mapping[str, ScoredAspect], weights: Mapping[str, float], scoring: Scoring
) -> Interval | None:
    """Weighted mean of the aspects that were measured, each cut off at 10 first."""
    if not scored:
        return None
    share = _mean({name: min(found.share, 1.0) for name, found in scored.items()}, weights)
    parts = np.stack([weights[name] * np.clip(m.draws, 0, 1) for name, m in scored.items()])
    draws = parts.sum(axis=0) / sum(weights[name] for name in scored)
    return _in_scores(interval(share, draws, scoring.confidence))


def _by_category(
    scored: Mapping[str, ScoredAspect], weights: Mapping[str, float]
) -> dict[str, float]:
    tables: dict[str, dict[str, float]] = {}
    for aspect, found in scored.items():
        for category, share in found.by_category.items():
            tables.setdefault(category, {})[aspect] = float(to_score(share))
    return {category: _mean(scores, weights) for category, scores in tables.items()}


def _mean(scores: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    total = sum(weights[name] for name in scores)
    return sum(weights[name] * score for name, score in scores.items()) / total if total else None


def _in_scores(share: Interval) -> Interval:
    """Shares as scores, 0 to 10."""
    low, high = np.clip((share.low, share.high), 0, 1)
    return Interval(float(to_score(share.value)), float(HIGHEST * low), float(HIGHEST * high))


_WIDTH = 18


def write_clips(path: Path, cards: Mapping[str, Scorecard]) -> None:
    """One row a clip of every card, atomically; with several cards a first column
    `system` says whose clip it is. UTF-8, commas; an empty cell was not measured.

    Raises UserError when the file cannot be written.
    """
    rows = [
        ({"system": name} if len(cards) > 1 else {}) | row
        for name, card in cards.items()
        for row in card.rows()
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    write_atomically(path, buffer.getvalue().encode())


def write_card(path: Path, card: Scorecard) -> None:
    """The card as JSON, as `Scorecard.from_dict` reads it back."""
    content = json.dumps(card.to_dict(), ensure_ascii=False, indent=1)
    write_atomically(path, content.encode())


def card_lines(cards: Mapping[str, Scorecard]) -> list[str]:
    """Lines: scores side by side; what the first card lacks, and its best and worst clips."""
    first = next(iter(cards.values()))
    return [*scores_table(cards), *missing_lines(first), *sample_lines(first)]


def end_lines(watch: Stopwatch, out: Path, tracked: bool = False) -> list[str]:
    """Lines: the seconds of every stage, and where the results lie."""
    return [*watch.lines(), f"{'scores':<12}{out}{', and in MLflow' if tracked else ''}"]


def scores_table(cards: Mapping[str, Scorecard]) -> list[str]:
    """Lines: one an aspect, one column a card, scores with their intervals."""
    lines = [_line("out of 10", list(cards))]
    for name in ASPECTS:
        scores = [_shown_interval(card.aspects[name].score) for card in cards.values()]
        lines.append(_line(name.replace("_", " "), scores))
    return [*lines, _line("overall", [_shown_interval(card.overall) for card in cards.values()])]


def missing_lines(card: Scorecard) -> list[str]:
    """Lines: which aspects were not measured, and why."""
    return [
        f"not measured: {name.replace('_', ' ')} ({score.missing})"
        for name, score in card.aspects.items()
        if score.score is None
    ]


def sample_lines(card: Scorecard) -> list[str]:
    """Lines: the best and the worst clips, and why."""
    lines = []
    for kind, names in (("best", card.best), ("worst", card.worst)):
        for name in names:
            clip = card.clip(name)
            reason = (clip.good if kind == "best" else clip.bad) or "nothing stands out"
            lines.append(f"{kind:<6}{clip.score:4.1f}  {name}: {reason}")
    return lines


def _shown_interval(score: Interval | None) -> str:
    return (
        "not measured" if score is None else f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"
    )


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<{_WIDTH}}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip()


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
