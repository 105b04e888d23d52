"""Whether the categories of a data set can be told apart by how they sound, before training.

A voice can only learn a category that is spoken differently from the others. Categories that were
named from the text alone are often not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xttslab.reporting.audit_facts import AuditedClip, AuditRules, DatasetFacts

MEASURES = ("pitch", "pitch range", "energy", "speaking rate")
_FOLDS = 10
_FEWEST = 5  # clips of a category below which nothing is said of it
_MOST = 2000  # clips; more say nothing new
_CHANCE = 0.05  # of a data set whose categories were named at random to pass a bound


@dataclass(frozen=True)
class CategorySound:
    """How well a category is told from the one that sounds most like it: `area` under the ROC curve
    (0.5 by chance, 1 when always), and the `bound` that names given by chance hardly reach."""

    name: str
    nearest: str
    area: float
    bound: float


@dataclass(frozen=True)
class CategoryTest:
    """How well the categories are told from each other by the four measures, cross-validated.

    `right` is the share of clips whose category is found, every category counting alike. `least` is
    the area from which a category counts as told apart.
    """

    clips: int
    sounds: Sequence[CategorySound]
    right: float
    least: float

    @property
    def told(self) -> list[str]:
        """The categories that can be told apart, the clearest first."""
        order = sorted(self.sounds, key=lambda sound: -sound.area)
        return [sound.name for sound in order if sound.area >= max(self.least, sound.bound)]

    @property
    def summary(self) -> str:
        """The answer in one line."""
        total, told = len(self.sounds), self.told
        by = f"by {', '.join(MEASURES)} {self.right:.0%} of the clips are assigned rightly"
        found = f"{by}, by chance {1 / total:.0%}"
        if not told:
            return f"the {total} categories cannot be told apart by how they sound ({found})"
        if len(told) == total:
            return f"all {total} categories can be told apart by how they sound ({found})"
        return f"{len(told)} of {total} categories can be told apart: {', '.join(told)} ({found})"

    @property
    def remedy(self) -> str:
        """What to do where not all can be told apart; empty where they can."""
        if len(self.told) == len(self.sounds):
            return ""
        return (
            "name categories by how a clip sounds, not by what it says "
            "(python -m xttslab.review), or train without those that sound alike"
        )


def compare_categories(facts: DatasetFacts, rules: AuditRules) -> CategoryTest | None:
    """Test the categories that persons named; None where fewer than two have five clips."""
    named = [clip for clip in facts.clips if not clip.clip.category_assumed]
    counts = Counter(clip.clip.category for clip in named)
    usable = sorted(name for name, count in counts.items() if count >= _FEWEST)
    rng = np.random.default_rng(0)
    clips = [clip for clip in named if clip.clip.category in usable]
    clips = [clips[row] for row in sorted(rng.permutation(len(clips))[:_MOST])]
    features = _features(clips)
    if len(usable) < 2 or features is None:
        return None
    labels = np.array([usable.index(clip.clip.category) for clip in clips])
    chances, right = _cross_validated(features, labels)
    sounds = [_nearest(row, usable, labels, chances) for row in range(len(usable))]
    return CategoryTest(len(clips), sounds, right, rules.told_apart)


def _features(clips: Sequence[AuditedClip]) -> np.ndarray | None:
    """The measures of n clips, (n, 4), in units of their speaker's spread; what a clip lacks is
    its speaker's mean. None where a measure was made of no clip."""
    rows = [
        (
            np.log2(clip.measures.get("pitch_hz") or np.nan),
            clip.measures.get("pitch_range_st", np.nan),
            clip.measures.get("lufs", np.nan),
            np.log2(clip.rate or np.nan),
        )
        for clip in clips
    ]
    features = np.array(rows, float).reshape(-1, len(MEASURES))
    if not len(features) or np.isnan(features).all(axis=0).any():
        return None
    speakers = np.array([clip.clip.speaker for clip in clips], object)
    for speaker in set(speakers):
        own = features[speakers == speaker]
        known = ~np.isnan(own)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, own, 0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, own - mean, 0) ** 2).sum(axis=0) / count)
        features[speakers == speaker] = np.where(known, (own - mean) / np.maximum(spread, 1e-6), 0)
    return features


def _cross_validated(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Log probability of every category (n, categories) of clips that the classifier was not fitted
    to, and the mean share found over the categories. The classifier is linear discriminant analysis
    with equal priors (Fisher, 1936)."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    count = int(labels.max()) + 1
    folds = min(_FOLDS, int(np.bincount(labels).min()))
    classifier = LinearDiscriminantAnalysis("lsqr", "auto", np.full(count, 1 / count))
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    chances = cross_val_predict(classifier, features, labels, cv=split, method="predict_proba")
    right = balanced_accuracy_score(labels, chances.argmax(axis=1))
    return np.log(np.maximum(chances, 1e-12)), float(right)


def _nearest(
    row: int, names: Sequence[str], labels: np.ndarray, chances: np.ndarray
) -> CategorySound:
    """The other category that a category is told from least, and how well."""
    from sklearn.metrics import roc_auc_score

    areas = {
        other: float(
            roc_auc_score(
                labels[both] == row, chances[both, row] - chances[both, other]
            )
        )
        for other in range(len(names))
        if other != row and (both := np.isin(labels, (row, other))).any()
    }  # fmt: skip
    nearest = min(areas, key=lambda other: areas[other])
    sizes = int((labels == row).sum()), int((labels == nearest).sum())
    bound = _by_chance(*sizes, len(names))
    return CategorySound(names[row], names[nearest], areas[nearest], bound)


def _by_chance(own: int, others: int, tests: int) -> float:
    """The area that names given by chance pass once in twenty data sets (normal approximation of
    the Mann-Whitney statistic: Hanley and McNeil, Radiology 1982; Bonferroni over the tests)."""
    deviation = ((own + others + 1) / (12 * own * others)) ** 0.5
    return min(1.0, 0.5 + NormalDist().inv_cdf(1 - _CHANCE / tests) * deviation)
