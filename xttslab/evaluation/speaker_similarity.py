"""Measures the cosine similarity of speaker embeddings (n, size) to real clips, and its drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from xttslab.data.predictors import PredictorMissing
from xttslab.data.speaker_encoders import campplus, resemblyzer
from xttslab.evaluation.signal import HOP, speech_frames
from xttslab.evaluation.spoken_clips import RATE

# Measure → its encoder. The first is what voices are judged by.
ENCODERS: dict[str, Callable[[Sequence[np.ndarray]], np.ndarray]] = {
    "speaker_similarity": campplus,
    "resemblyzer_similarity": resemblyzer,
}
VOICE = "speaker_similarity"
# Clips of one person are nearer to each other than this on average, by CAM++: the same man in a
# studio and on a street had .62, the nearest of nine other people .47.
_ONE_PERSON = 0.5
_LONG_ENOUGH = 2.0  # s of a clip that can be grouped by its voice
_FEWEST_LENGTHS = 4  # of different clips behind a ceiling that depends on the length


def embed(measure: str, audios: Sequence[np.ndarray]) -> np.ndarray:
    """Embeddings (n, size) by the encoder of a measure; raises PredictorMissing without it."""
    return ENCODERS[measure](audios)


def embed_all(audios: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Measure → embeddings (n, size) by every encoder that is installed; none without clips."""
    found = {}
    for name in ENCODERS if audios else ():
        try:
            found[name] = embed(name, audios)
        except PredictorMissing:
            pass  # said once, where the scored clips themselves are measured
    return found


def cosines(clips: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosines (n, m) of embeddings (n, size) and (m, size); NaN where either had no speech."""
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


def similarity_to_others(clips: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Mean cosine of clip i to every reference but the i-th, which it is made from, (m,).

    Both are (m, size). NaN where the clip, or every other reference, has no speech.
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
    first, last = mean_similarity(embed(VOICE, [audio[:length], audio[-length:]]), references)
    return float(first - last)


@dataclass(frozen=True, eq=False)
class VoiceCeiling:
    """What the speaker's own clips measure at the lengths of other clips.

    values: similarity (m,) of each real clip, cut to one of those lengths, to the others, NaN
    without speech. slope: how much it rises with the natural logarithm of the seconds.
    """

    values: np.ndarray
    slope: float
    middle: float  # mean logarithm of the seconds behind `values`

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """The ceiling for clips of these lengths, (n,)."""
        steps = np.log(np.maximum(seconds, 0.1)) - self.middle
        return np.nanmean(self.values) + self.slope * steps


def voice_ceiling(
    measure: str, real: Sequence[np.ndarray], whole: np.ndarray, seconds: Sequence[float]
) -> VoiceCeiling:
    """Cut the real clips to the lengths that the scored clips have, and compare each with the
    whole others.

    `real` are m clips at 16 kHz, `whole` their embeddings (m, size), `seconds` the lengths of the
    clips to be scored. The longest real clip stands for the longest length. Raises PredictorMissing
    without the encoder.
    """
    places = (np.arange(len(real)) + 0.5) / len(real)
    wanted = np.sort(np.quantile(seconds, places))
    order = np.argsort([len(audio) for audio in real])
    cuts = list(real)
    for row, length in zip(order, wanted, strict=True):
        cuts[row] = _most_speech(real[row], round(length * RATE))
    values = similarity_to_others(embed(measure, cuts), whole)
    lengths = np.log([max(len(cut) / RATE, 0.1) for cut in cuts])
    known = ~np.isnan(values)
    middle = float(lengths[known].mean()) if known.any() else 0.0
    slope = 0.0
    if len(np.unique(lengths[known].round(1))) >= _FEWEST_LENGTHS:
        slope = max(0.0, float(np.polyfit(lengths[known], values[known], 1)[0]))
    return VoiceCeiling(values, slope, middle)


def _most_speech(audio: np.ndarray, length: int) -> np.ndarray:
    """The stretch of `length` samples that holds most sound, or the whole clip."""
    if length >= len(audio):
        return audio
    total = np.concatenate(([0], np.cumsum(speech_frames(audio))))
    span = min(max(1, length // HOP), len(total) - 1)
    start = int(np.argmax(total[span:] - total[:-span])) * HOP
    return audio[min(start, len(audio) - length) :][:length]


def foreign_rows(embeddings: np.ndarray, seconds: Sequence[float]) -> list[int]:
    """Clips that are of another voice than most, by their CAM++ embeddings (n, size).

    The clips of at least 2 s are joined into groups whose mean cosine is .5 or more (average
    linkage); all groups of two or more clips but the largest are named.
    """
    usable = ~np.isnan(embeddings).any(axis=1) & (np.asarray(seconds) >= _LONG_ENOUGH)
    rows = np.flatnonzero(usable)
    if len(rows) < 2:
        return []
    groups = fcluster(linkage(embeddings[rows], "average", "cosine"), 1 - _ONE_PERSON, "distance")
    names, sizes = np.unique(groups, return_counts=True)
    others = names[(sizes > 1) & (names != names[np.argmax(sizes)])]
    return [int(row) for row, group in zip(rows, groups, strict=True) if group in others]
