"""Scores from 0 to 10 of raw measures, and bootstrap intervals of their means.

Utterances of one sentence are no independent evidence, so whole sentences are drawn (cluster
bootstrap; Davison and Hinkley, "Bootstrap methods and their application", 1997, 3.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import norm as normal
from scipy.stats import t as student

from xttslab.evaluation.settings import FIXED, HIGHEST, GateRule, ScaleRule


@dataclass(frozen=True)
class Interval:
    """An estimate, and the range that holds the truth with the stated confidence."""

    value: float
    low: float
    high: float


def draw_counts(sentences: Sequence[str], draws: int, seed: int) -> np.ndarray:
    """How often each clip is drawn, (draws, clips): clips with the same sentence come together."""
    names, member = np.unique(np.asarray(sentences), return_inverse=True)
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[:, member]


def weighted_means(values: np.ndarray, weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of `values` (clips,) in every draw, (draws,); NaN values are left out, and a draw that
    holds nothing else is NaN."""
    known = ~np.isnan(values)
    drawn = counts[:, known] * weights[known]
    total = drawn.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, drawn @ values[known] / total, np.nan)


def interval(value: float, draws: np.ndarray, confidence: float) -> Interval:
    """Percentile interval of `draws` (NaN left out), moved so that their mean is the estimate:
    distances and spreads are larger in a bootstrap draw than in the sample."""
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return Interval(value, float("nan"), float("nan"))
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(known, (tail, 100 - tail)) + (value - known.mean())
    return Interval(value, float(low), float(high))


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    sentences: Sequence[str],
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of `second − first` over the same clips (n,) with its interval; pairs with a NaN are
    left out. An interval on one side of 0 is a difference that can be measured.

    Few sentences give too narrow ones, widened here by Student's t (Hesterberg, "What teachers
    should know about the bootstrap", 2015).
    """
    difference = second - first
    counts, ones = draw_counts(sentences, draws, seed), np.ones(len(difference))
    known = ~np.isnan(difference)
    value = float(difference[known].mean()) if known.any() else float("nan")
    found = interval(value, weighted_means(difference, ones, counts), confidence)
    wider = _for_few(len(np.unique(np.asarray(sentences)[known])), confidence)
    low, high = (value + wider * (end - value) for end in (found.low, found.high))
    return Interval(value, low, high)


def _for_few(sentences: int, confidence: float) -> float:
    """By how much a percentile interval of so many sentences is too narrow, 1 or more."""
    free, tail = max(sentences - 1, 1), (1 + confidence) / 2
    return float(student.ppf(tail, free) / normal.ppf(tail) * np.sqrt(1 + 1 / free))


_BEYOND = 1.25  # one clip may outweigh another, but a single lucky value not all the others
_NARROWEST = 0.25  # a measured scale must span this share of the fixed one


@dataclass(frozen=True)
class Anchor:
    """A value that a score is read against, and where it comes from."""

    value: float
    source: str


@dataclass(frozen=True)
class Scale:
    """The straight line from score 0 at `floor` to score 10 at `ceiling`."""

    floor: Anchor
    ceiling: Anchor

    def share(self, values: np.ndarray, ceilings: np.ndarray | None = None) -> np.ndarray:
        """Where values lie between floor (0) and ceiling (1), cut to 0 … 1.25.

        `ceilings`: one for each value, where it depends on the clip.

        Real recordings vary around the ceiling: clips above it may make up for clips below, or the
        mean of real recordings would not get 10. NaN stays NaN.
        """
        span = (self.ceiling.value if ceilings is None else ceilings) - self.floor.value
        return np.clip((values - self.floor.value) / span, 0.0, _BEYOND)

    def least_ceilings(self, ceilings: np.ndarray) -> np.ndarray:
        """The ceilings of single clips, none nearer to the floor than half the scale."""
        return np.maximum(ceilings, (self.floor.value + self.ceiling.value) / 2)


def to_score(share: np.ndarray | float) -> np.ndarray:
    """A share of the way from floor to ceiling as a score, 0 to 10."""
    return HIGHEST * np.clip(share, 0.0, 1.0) + 0.0  # no negative zero


def limit(share: np.ndarray | float, rule: GateRule, failed: float) -> np.ndarray:
    """The highest overall share that a gate lets through, for shares of its aspect.

    `failed` (a score) up to the rule's `fails`, 1 from its `holds` on, a straight line between.
    """
    scores = HIGHEST * np.asarray(share)
    return np.interp(scores, (rule.fails, rule.holds), (failed / HIGHEST, 1.0))


def make_scale(rule: ScaleRule, floor: Anchor | None, ceiling: Anchor | None) -> Scale:
    """The rule's scale with the measured ends, where there are any.

    Measured ends that turn the scale round or make it narrower than a quarter of the fixed one
    would turn noise into scores; the fixed ends then stand, and their source says so.
    """
    scale = Scale(floor or Anchor(rule.floor, FIXED), ceiling or Anchor(rule.ceiling, FIXED))
    width = (scale.ceiling.value - scale.floor.value) / (rule.ceiling - rule.floor)
    if width >= _NARROWEST:
        return scale
    found = f"measured {scale.floor.value:.3g} to {scale.ceiling.value:.3g} is too narrow"
    return Scale(Anchor(rule.floor, f"{FIXED}: {found}"), Anchor(rule.ceiling, f"{FIXED}: {found}"))


@dataclass(frozen=True, eq=False)
class ScoredAspect:
    """One aspect of n clips, as shares of the way from floor (0) to ceiling (1).

    shares: of each clip (n,). share: of the whole set. draws: of every bootstrap draw (d,).
    """

    measure: str
    shares: np.ndarray
    share: float
    draws: np.ndarray
    by_category: Mapping[str, float]
    value: float
    floor: Anchor
    ceiling: Anchor
    details: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_details(self, details: Mapping[str, float]) -> ScoredAspect:
        """This aspect with further numbers beside its score."""
        return replace(self, details={**self.details, **details})


@dataclass(frozen=True, eq=False)
class ClipSet:
    """What scoring must know of n clips: their categories and texts, which are mute, and how often
    each is in every bootstrap draw (d, n)."""

    categories: tuple[str, ...]
    texts: tuple[str, ...]
    mute: np.ndarray
    counts: np.ndarray

    def members(self) -> dict[str, np.ndarray]:
        """Category → which clips are in it, (n,) of bool; clips without one are in none."""
        names = np.asarray(self.categories)
        return {name: names == name for name in dict.fromkeys(self.categories) if name}


def score_means(
    measure: str,
    values: np.ndarray,
    weights: np.ndarray,
    scale: Scale,
    clips: ClipSet,
    ceilings: np.ndarray | None = None,
) -> ScoredAspect | None:
    """Score a measure whose mean over the clips counts; None when no clip has a value.

    `ceilings` (n,) of the clips, where they have one each.

    A mute clip has share 0: silence must never improve a mean by being absent from it, and a set
    of nothing but silence (a model that diverged) has score 0.
    """
    if np.isnan(values).all() and not clips.mute.all():
        return None
    shares = np.where(clips.mute, 0.0, scale.share(values, ceilings))
    weights = np.where(clips.mute, np.maximum(weights, weights.mean()), weights)

    def mean(of: np.ndarray, rows: np.ndarray) -> float:
        known = rows & ~np.isnan(of)
        return float(np.average(of[known], weights=weights[known])) if known.any() else float("nan")

    everywhere = np.ones(len(values), dtype=bool)
    parts = {name: mean(shares, rows) for name, rows in clips.members().items()}
    return ScoredAspect(
        measure=measure,
        shares=shares,
        share=mean(shares, everywhere),
        draws=weighted_means(shares, weights, clips.counts),
        by_category={name: share for name, share in parts.items() if not np.isnan(share)},
        value=mean(values, everywhere),
        floor=scale.floor,
        ceiling=scale.ceiling,
    )


def score_spread(
    aspects: Mapping[str, ScoredAspect],
    real: Mapping[str, np.ndarray],
    fixed: tuple[float, float],
    clips: ClipSet,
) -> ScoredAspect | None:
    """Score consistency: how much the scores of single clips differ, beside those of real clips.

    The spread is the standard deviation of the clips' scores, averaged over the aspects; `real` has
    the real clips' shares by aspect. `fixed` is the spread at score 0, and at score 10 as long as
    there are no two real clips. None when no aspect has two scored clips.
    """
    tables = {name: 10 * np.clip(found.shares, 0, 1) for name, found in aspects.items()}
    tables = {name: scores for name, scores in tables.items() if (~np.isnan(scores)).sum() > 1}
    if not tables:
        return None
    own = [_spread(10 * np.clip(real[name], 0, 1)) for name in tables if name in real]
    ceiling = Anchor(fixed[1], "fixed")
    if own and not np.isnan(own).all():
        ceiling = Anchor(min(float(np.nanmean(own)), fixed[0] / 2), "real clips of the speaker")
    scale = Scale(Anchor(fixed[0], "fixed"), ceiling)
    value = _mean_spread(tables, None)
    draws = np.array([_mean_spread(tables, row) for row in clips.counts])
    parts = {
        name: _mean_spread(tables, rows.astype(float)) for name, rows in clips.members().items()
    }
    shares = np.full(len(clips.categories), np.nan)
    return ScoredAspect(
        measure="spread",
        shares=shares,
        share=float(scale.share(np.array(value))),
        draws=scale.share(draws),
        by_category={k: float(scale.share(np.array(v))) for k, v in parts.items() if v == v},
        value=value,
        floor=scale.floor,
        ceiling=scale.ceiling,
        details=_where_it_spreads(tables, clips),
    )


def _mean_spread(tables: Mapping[str, np.ndarray], weights: np.ndarray | None) -> float:
    found = [_spread(scores, weights) for scores in tables.values()]
    known = [spread for spread in found if not np.isnan(spread)]
    return float(np.mean(known)) if known else float("nan")


def _spread(scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Weighted standard deviation with Bessel's correction; NaN for fewer than two scores."""
    weights = np.ones(len(scores)) if weights is None else weights
    known = ~np.isnan(scores) & (weights > 0)
    total = weights[known].sum()
    if known.sum() < 2 or total < 2:
        return float("nan")
    mean = np.average(scores[known], weights=weights[known])
    square = (weights[known] * (scores[known] - mean) ** 2).sum() / (total - 1)
    return float(np.sqrt(square))


def _where_it_spreads(tables: Mapping[str, np.ndarray], clips: ClipSet) -> dict[str, float]:
    """Spread of the clips' mean score between utterances of one text, between texts, and between
    categories; only what there are two of."""
    score = np.nanmean(np.stack(list(tables.values())), axis=0)
    texts = np.asarray(clips.texts)
    utterances = [score[texts == text] for text in dict.fromkeys(clips.texts) if text]
    of_utterances = [_spread(group) for group in utterances if len(group) > 1]
    means: dict[str, Sequence[float]] = {
        "between_texts": [float(np.nanmean(group)) for group in utterances],
        "between_categories": [float(np.nanmean(score[rows])) for rows in clips.members().values()],
    }
    found = {name: _spread(np.array(values)) for name, values in means.items()}
    found["between_utterances"] = (
        float(np.nanmean(of_utterances)) if of_utterances else float("nan")
    )
    return {name: value for name, value in found.items() if not np.isnan(value)}
