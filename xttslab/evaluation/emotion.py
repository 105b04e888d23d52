"""Scores the tone of each category by the distance of its prosody to that of real clips.

Does *tension* sound like tension? The four distributions of a category (pitch, its range, energy,
speaking rate) are compared with those of its real clips: the mean of the four Wasserstein-1
distances, each in units of the feature's spread within one category. That number means something
only between two others of the same kind: what real clips of the same category are away from each
other (the ceiling), and what clips of other categories are away from it (the floor).

Energy counts relative to the mean of its set, since one system may be louder than another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wasserstein_distance

from xttslab.evaluation.prosody import FEATURES, Prosody
from xttslab.evaluation.scales import Anchor, ClipSet, Scale, ScoredAspect

FEWEST_REAL = 4  # real clips of a category: two halves of two
_DRAWS = 40
JUST_NOTICEABLE = np.array([0.5, 1.0, 1.0, 0.3])  # least unit of each feature: st, st, dB, 1/s
_TELLABLE = 0.1  # other categories must be this much farther away than the category's own clips


@dataclass(frozen=True)
class CategoryAnchors:
    """What a distance to one category is read against; `untellable` says why it cannot be."""

    floor: float  # clips of the other categories
    ceiling: float  # the category's own real clips
    untellable: str = ""


@dataclass(frozen=True, eq=False)
class RealProsody:
    """The real clips of a speaker: per category their features (m, 4), and each feature's unit."""

    categories: Mapping[str, np.ndarray]
    unit: np.ndarray

    @classmethod
    def of(cls, clips: Sequence[tuple[str, Prosody]]) -> RealProsody:
        """From (category, prosody) of every real clip; clips without a category are left out."""
        centred = centre([prosody for _, prosody in clips])
        names = [category for category, _ in clips]
        groups = {
            name: centred[[i for i, other in enumerate(names) if other == name]]
            for name in sorted(set(names) - {""})
        }
        return cls(groups, _unit(list(groups.values())))

    def distance(
        self, features: np.ndarray, category: str, weights: np.ndarray | None = None
    ) -> float:
        """Distance of centred clips (n, 4), each counted `weights` (n,) times, to the real clips
        of `category`; NaN where nothing can be compared."""
        return _distance(features, self.categories[category], self.unit, weights)

    def has_pitch(self, category: str) -> bool:
        """Whether any real clip of the category is voiced."""
        return bool((~np.isnan(self.categories[category][:, FEATURES.index("pitch_st")])).any())

    def own_distances(self, category: str) -> np.ndarray:
        """Distance of each real clip of `category` (m,) to the others of it."""
        own = self.categories[category]
        rest = [np.delete(own, row, axis=0) for row in range(len(own))]
        return np.array([_distance(own[[i]], rest[i], self.unit) for i in range(len(own))])

    def deviation(self, features: np.ndarray, category: str) -> tuple[str, float]:
        """The feature in which one clip (4,) differs most from the category's median, and by how
        much in that feature's own unit."""
        difference = features - np.nanmedian(self.categories[category], axis=0)
        worst = int(np.nanargmax(np.abs(difference / self.unit)))
        return FEATURES[worst], float(difference[worst])

    def anchors(self, category: str, clips: int) -> CategoryAnchors:
        """Floor and ceiling for `clips` clips of `category`.

        Small sets lie farther from everything by chance, so both are averaged over random sets of
        as many real clips (at most half of the category's), measured against the remaining ones.
        """
        own = self.categories.get(category, np.zeros((0, len(FEATURES))))
        others = [part for name, part in self.categories.items() if name != category]
        if len(own) < FEWEST_REAL:
            reason = f"{len(own)} real clips of {category}; at least {FEWEST_REAL} are needed"
            return CategoryAnchors(np.nan, np.nan, reason)
        if not others:
            return CategoryAnchors(np.nan, np.nan, "there is no second category to tell it from")
        size = max(1, min(clips, len(own) // 2))
        random = np.random.default_rng(0)
        pairs = [self._draw(own, others, size, random) for _ in range(_DRAWS)]
        near, far = np.mean(pairs, axis=0)
        reason = "" if far - near > _TELLABLE else _untellable(category)
        return CategoryAnchors(float(far), float(near), reason)

    def _draw(
        self, own: np.ndarray, others: Sequence[np.ndarray], size: int, random: np.random.Generator
    ) -> tuple[float, float]:
        """Distance of one random own and of one random foreign set to the rest of `own`."""
        order = random.permutation(len(own))
        rest = own[order[size:]]
        far = [
            _distance(part[random.permutation(len(part))[:size]], rest, self.unit)
            for part in others
        ]
        return _distance(own[order[:size]], rest, self.unit), float(np.mean(far))


def centre(clips: Sequence[Prosody]) -> np.ndarray:
    """Features (n, 4) of the clips of one set, energy relative to the set's mean."""
    if not clips:
        return np.zeros((0, len(FEATURES)))
    table = np.stack([clip.features() for clip in clips])
    table[:, FEATURES.index("energy_db")] -= table[:, FEATURES.index("energy_db")].mean()
    return table


def _unit(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Spread of each feature within the categories (4,), no less than what can be heard."""
    deviations = [group - np.nanmean(group, axis=0) for group in groups if len(group) > 1]
    if not deviations:
        return JUST_NOTICEABLE
    return np.fmax(np.nanstd(np.concatenate(deviations), axis=0), JUST_NOTICEABLE)


def _distance(
    clips: np.ndarray, real: np.ndarray, unit: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Mean over the features that both sides have; NaN if none."""
    weights = np.ones(len(clips)) if weights is None else weights
    parts = []
    for column in range(len(FEATURES)):
        ours, theirs = clips[:, column], real[:, column]
        known = ~np.isnan(ours) & (weights > 0)
        theirs = theirs[~np.isnan(theirs)]
        if known.any() and len(theirs):
            gap = wasserstein_distance(ours[known], theirs, weights[known])
            parts.append(gap / unit[column])
    return float(np.mean(parts)) if parts else float("nan")


def _untellable(category: str) -> str:
    return f"real clips of {category} cannot be told from other categories by these numbers"


_PITCH = FEATURES.index("pitch_st")


def score_emotion(
    prosody: Sequence[Prosody | None], real: RealProsody, clips: ClipSet
) -> tuple[ScoredAspect | None, np.ndarray, str]:
    """Score each category's clips as one set against its real clips; the aspect is their mean.

    Returns the scored aspect (None when no category could be scored), the clips' features (n, 4),
    energy relative to the set's mean, and why categories could not be scored.
    """
    features = spoken_features(prosody)
    members = clips.members()
    anchors = {name: real.anchors(name, int(rows.sum())) for name, rows in members.items()}
    usable = {name: rows for name, rows in members.items() if not anchors[name].untellable}
    reasons = "; ".join(found.untellable for found in anchors.values() if found.untellable)
    if not usable:
        return None, features, reasons or "no clip has a category"
    heard = ~np.isnan(features).all(axis=1)
    voiced = ~np.isnan(features[:, _PITCH])
    values, parts = {}, {}
    draws = np.full((len(clips.counts), len(usable)), np.nan)
    for column, (name, rows) in enumerate(usable.items()):
        scale, speaks = _scale(anchors[name]), rows & heard
        if real.has_pitch(name):
            speaks &= voiced
        sounding = speaks.sum() / rows.sum()  # mute clips, and noise without a pitch, have share 0
        values[name] = real.distance(features[speaks], name) if speaks.any() else np.nan
        parts[name] = float(np.nan_to_num(scale.share(np.array(values[name]))) * sounding)
        found = [real.distance(features[speaks], name, row[speaks]) for row in clips.counts]
        draws[:, column] = scale.share(np.array(found)) * sounding
    with np.errstate(invalid="ignore"):
        drawn = np.nansum(draws, axis=1) / (~np.isnan(draws)).sum(axis=1)
    scored = ScoredAspect(
        measure="emotion_distance",
        shares=_single_shares(features, real, usable, clips.mute),
        share=float(np.mean(list(parts.values()))),
        draws=drawn,
        by_category=parts,
        value=_known_mean(list(values.values())),
        floor=Anchor(_known_mean([anchors[k].floor for k in usable]), "real clips, other category"),
        ceiling=Anchor(_known_mean([anchors[k].ceiling for k in usable]), "real clips, same one"),
        details={f"distance_{name}": value for name, value in values.items() if value == value},
        notes=(reasons,) if reasons else (),
    )
    return scored, features, reasons


def real_shares(real: RealProsody) -> np.ndarray:
    """Shares of the single real clips of every category that can be told from the others."""
    shares = []
    for name in real.categories:
        anchors = real.anchors(name, 1)
        if not anchors.untellable:
            shares.append(_scale(anchors).share(real.own_distances(name)))
    return np.concatenate(shares) if shares else np.zeros(0)


def spoken_features(prosody: Sequence[Prosody | None]) -> np.ndarray:
    """Centred features of n clips, (n, 4); rows of NaN for clips without sound."""
    features = np.full((len(prosody), len(FEATURES)), np.nan)
    rows = [i for i, found in enumerate(prosody) if found is not None]
    features[rows] = centre([prosody[i] for i in rows])
    return features


def _single_shares(
    features: np.ndarray, real: RealProsody, usable: Mapping[str, np.ndarray], mute: np.ndarray
) -> np.ndarray:
    """Each clip alone against its category, (n,); NaN where the category could not be scored."""
    shares = np.full(len(features), np.nan)
    for name, rows in usable.items():
        anchors = real.anchors(name, 1)
        if anchors.untellable:
            continue
        for row in np.flatnonzero(rows & ~mute):
            distance = np.array(real.distance(features[[row]], name))
            shares[row] = _scale(anchors).share(distance)
        toneless = np.isnan(features[:, _PITCH]) if real.has_pitch(name) else mute
        shares[rows & (mute | toneless)] = 0.0
    return shares


def _scale(anchors: CategoryAnchors) -> Scale:
    return Scale(Anchor(anchors.floor, ""), Anchor(anchors.ceiling, ""))


def _known_mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
