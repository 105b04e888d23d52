"""Cosine similarity of speaker embeddings (n, size) to a speaker's real clips, and its drift."""

from __future__ import annotations

import numpy as np

from xttslab.data.speaker_encoders import resemblyzer as embed
from xttslab.evaluation.spoken_clips import RATE


def cosines(clips: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, 256) and (m, 256) embeddings to their (n, m) cosines; NaN where either had no speech."""
    return clips @ others.T


def mean_similarity(clips: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Mean cosine of every clip to all reference clips, (n,); NaN where the clip had no speech.

    The mean of pairs, not the cosine to a mean embedding, whose value grows with the number of
    references and so could not be compared between runs.
    """
    heard = references[~np.isnan(references).any(axis=1)]
    if not len(heard):
        return np.full(len(clips), np.nan)
    return cosines(clips, heard).mean(axis=1)


def own_similarity(references: np.ndarray) -> np.ndarray:
    """Mean cosine of every reference clip to the speaker's other clips, (m,): the ceiling.

    NaN where fewer than two reference clips contain speech.
    """
    return similarity_to_others(references, references)


def similarity_to_others(clips: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Mean cosine of clip i to every reference but the i-th, which it is made from, (m,).

    Both are (m, 256). NaN where the clip, or every other reference, has no speech.
    """
    table = cosines(clips, references).astype(np.float64)  # (m, m)
    np.fill_diagonal(table, np.nan)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=1) / known.sum(axis=1)


def voice_drift(audio: np.ndarray, references: np.ndarray, seconds: float = 30.0) -> float:
    """How far a long recording wanders from its speaker: similarity of its first `seconds` to the
    references minus that of its last.

    `audio` is float32 (n,) at 16 kHz. 0: it stays; positive: it ends as somebody else. NaN for a
    recording shorter than twice `seconds` (its ends would overlap), or without speech there.
    """
    length = round(seconds * RATE)
    if len(audio) < 2 * length:
        return float("nan")
    first, last = mean_similarity(embed([audio[:length], audio[-length:]]), references)
    return float(first - last)
