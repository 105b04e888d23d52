"""Asks a classifier to tell spoken clips from the speaker's real ones: the AUC of what it says.

Two logistic regressions are cross-validated, one on speaker embeddings, one on pace and melody;
the area under the ROC curve is the share of pairs (a real clip, a spoken one) that they order
right: .5 is guessing, 1 is certainty. Only clips of the same held-out fold are paired, so that the
estimate is not biased (Airola et al., "An experimental comparison of cross-validation techniques
for estimating the area under the ROC curve", 2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xttslab.evaluation.scales import Anchor, ClipSet, Scale, ScoredAspect, weighted_means
from xttslab.evaluation.settings import FIXED, ScaleRule

FEWEST = 6  # clips on either side
_ROUNDS, _FOLDS = 5, 5
_STRENGTH = {"voice": 0.01, "prosody": 1.0}  # 1 / regularisation: 192 numbers a clip, and 5
_SEED = 7

Features = Mapping[str, np.ndarray]  # family → (n, size), rows of NaN where there is no speech


def score_told_apart(
    spoken: Features, real: Features, real_texts: Sequence[str], clips: ClipSet, rule: ScaleRule
) -> tuple[ScoredAspect | None, str]:
    """Score n spoken clips beside m real ones that were cut to their lengths.

    Clips of one text share a fold. A mute clip counts as told apart from all. Returns None and why
    where either side has fewer than six clips to compare.
    """
    known = _known(spoken) & ~clips.mute
    heard = _known(real)
    texts = np.asarray(clips.texts)
    few = min(int(heard.sum()), len(np.unique(texts[known])))
    if few < FEWEST:
        return None, (
            f"{int(heard.sum())} real clips and {len(np.unique(texts[known]))} sentences to "
            f"tell apart; at least {FEWEST} of each are needed"
        )
    table = np.full((len(heard), len(known)), np.nan)
    found = {
        family: _pairs(
            real[family][heard], spoken[family][known], np.asarray(real_texts)[heard],
            texts[known], _STRENGTH[family],
        )
        for family in spoken
    }  # fmt: skip
    table[np.ix_(heard, known)] = np.mean(list(found.values()), axis=0)
    table[:, clips.mute] = 1.0
    details = {f"auc_{family}": float(np.nanmean(pairs)) for family, pairs in found.items()}
    return _scored(table[heard], clips, rule, details), ""


def told_themselves(
    real: Features, texts: Sequence[str], clips: ClipSet, rule: ScaleRule
) -> tuple[ScoredAspect | None, str]:
    """Score m real clips: how well one random half of them is told from the other. Returns None and
    why for fewer than twice six with speech."""
    each = _halves(real, texts)
    if np.isnan(each).all():
        return None, f"fewer than {2 * FEWEST} real clips with speech to tell halves of apart"
    draws = weighted_means(each, np.ones(len(each)), clips.counts)
    return _as_aspect(each, float(np.nanmean(each)), draws, clips, rule, {}), ""


def _halves(real: Features, texts: Sequence[str]) -> np.ndarray:
    """How well each clip (m,) is told from those of the other half; NaN where there are too few."""
    rows = np.flatnonzero(_known(real))
    found = np.full((_ROUNDS, len(texts)), np.nan)
    random = np.random.default_rng(_SEED)
    for number in range(_ROUNDS if len(rows) >= 2 * FEWEST else 0):
        order = random.permutation(rows)
        one, other = order[: len(order) // 2], order[len(order) // 2 :]
        names = np.asarray(texts)
        pairs = [
            _pairs(table[one], table[other], names[one], names[other], _STRENGTH[family], 1)
            for family, table in real.items()
        ]
        found[number, other] = np.nanmean(np.mean(pairs, axis=0), axis=0)
    with np.errstate(invalid="ignore"):
        return np.nansum(found, axis=0) / (~np.isnan(found)).sum(axis=0)


def _scored(
    table: np.ndarray, clips: ClipSet, rule: ScaleRule, details: Mapping[str, float]
) -> ScoredAspect:
    """The aspect from the pairs (m, n); the bootstrap draws sentences and real clips alike."""
    each = np.nanmean(table, axis=0)
    random = np.random.default_rng(_SEED)
    real = random.multinomial(len(table), np.full(len(table), 1 / len(table)), len(clips.counts))
    known = np.where(np.isnan(table), 0.0, table)
    weight = (~np.isnan(table)).astype(float)
    drawn = ((real @ known) * clips.counts).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = drawn / ((real @ weight) * clips.counts).sum(axis=1)
    return _as_aspect(each, float(np.nanmean(table)), draws, clips, rule, details)


def _as_aspect(
    each: np.ndarray,
    value: float,
    draws: np.ndarray,
    clips: ClipSet,
    rule: ScaleRule,
    details: Mapping[str, float],
) -> ScoredAspect:
    """The AUC of every clip (n,) and of all as a scored aspect, which is one of the whole set."""
    scale = Scale(Anchor(rule.floor, FIXED), Anchor(rule.ceiling, f"{FIXED}: guessing"))
    return ScoredAspect(
        measure="told_apart_auc",
        shares=np.full(len(each), np.nan),
        share=float(scale.share(np.array(value))),
        draws=scale.share(draws),
        by_category={
            name: float(scale.share(np.nanmean(each[rows])))
            for name, rows in clips.members().items()
            if not np.isnan(each[rows]).all()
        },
        value=value,
        floor=scale.floor,
        ceiling=scale.ceiling,
        details=details,
    )


def _known(features: Features) -> np.ndarray:
    """Clips (n,) that every family has numbers of; a missing pitch alone is no reason to leave
    one out."""
    return np.all([~np.isnan(table).all(axis=1) for table in features.values()], axis=0)


def _pairs(
    real: np.ndarray,
    spoken: np.ndarray,
    real_texts: np.ndarray,
    texts: np.ndarray,
    strength: float,
    rounds: int = _ROUNDS,
) -> np.ndarray:
    """How often each pair (m, n) is ordered right by classifiers that saw neither; NaN where the
    two were never in one fold."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.concatenate([real, spoken])
    label = np.repeat((0, 1), (len(real), len(spoken)))
    _, groups = np.unique(np.concatenate([real_texts, texts]), return_inverse=True)
    right, count = np.zeros((len(real), len(spoken))), np.zeros((len(real), len(spoken)))
    folds = min(_FOLDS, len(np.unique(groups[label == 0])), len(np.unique(groups[label == 1])))
    for seed in range(rounds):
        parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        for seen, unseen in parts.split(table, label, groups):
            if len(np.unique(label[seen])) < 2:
                continue
            model = make_pipeline(
                SimpleImputer(keep_empty_features=True),
                StandardScaler(),
                LogisticRegression(C=strength, class_weight="balanced", max_iter=500),
            ).fit(table[seen], label[seen])
            told = model.decision_function(table[unseen])
            ours, theirs = label[unseen] == 0, label[unseen] == 1
            place = np.ix_(unseen[ours], unseen[theirs] - len(real))
            difference = told[theirs][None, :] - told[ours][:, None]
            right[place] += (difference > 0) + 0.5 * (difference == 0)
            count[place] += 1
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, right / count, np.nan)
