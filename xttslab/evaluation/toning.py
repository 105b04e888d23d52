"""Prosody of spoken clips and of the speaker's real ones in; the marked aspect *emotion* out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xttslab.evaluation.emotion import CategoryAnchors, RealProsody, centre
from xttslab.evaluation.marking import ClipSet, Marked
from xttslab.evaluation.marks import Anchor, Scale
from xttslab.evaluation.prosody import FEATURES, Prosody

_PITCH = FEATURES.index("pitch_st")


def mark_emotion(
    prosody: Sequence[Prosody | None], real: RealProsody, clips: ClipSet
) -> tuple[Marked | None, np.ndarray, str]:
    """Mark each category's clips as one set against its real clips; the aspect is their mean.

    Returns the marked aspect (None when no category could be marked), the clips' features (n, 4),
    energy relative to the set's mean, and why categories could not be marked.
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
    marked = Marked(
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
    return marked, features, reasons


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
    """Each clip alone against its category, (n,); NaN where the category could not be marked."""
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
