"""Measures mannerisms of XTTS's speech that are no defects: shifts of pitch, hit and held sounds.

Pitch that shifts inside a word, a first syllable that is hit, sounds that are held: listeners name
them. They are compared with the speaker's own recordings, for lively speech has all of them too,
and are told without being scored. Hissed "s" and drawn-out ends were tried (experiments/ranking):
real clips have as much of them by every measure that was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.ndimage import median_filter

from xttslab.data.audio import true_runs
from xttslab.evaluation.pace import syllables
from xttslab.evaluation.prosody import columns_of, pitch_track
from xttslab.evaluation.scales import Interval, ScoredAspect, interval, weighted_means
from xttslab.evaluation.signal import HOP, WINDOW, levels, log_mel, speech_frames

_SPAN = 8  # pitch frames: 40 ms, less than half a syllable
_SHIFT_ST = 2.0  # in that span: more than the melody of a sentence moves
_HELD_DB = 2.0  # mean change of the bands in 10 ms; a held sound changes less
_NEAR_LOUD_DB = 20.0  # what is fainter is no held sound
_FEWEST = 4  # clips on either side


@dataclass(frozen=True)
class Mannerisms:
    """Of one recording; None is not there.

    pitch_shifts: share of the voice in which the pitch moves by more than 2 semitones in 40 ms.
    first_syllable_db: level of the first syllable over the median one. held: share of the sound in
    which the spectrum stands still.
    """

    pitch_shifts: float | None
    first_syllable_db: float | None
    held: float


Measures = Mapping[str, np.ndarray]  # by name, (n,) each
MANNERISMS = tuple(field.name for field in fields(Mannerisms))
_WORDS = {
    "pitch_shifts": "the pitch shifts inside words in {:.0%} of the voice (speaker {:.0%})",
    "first_syllable_db": "first syllables are {:.1f} dB over the others (speaker {:.1f})",
    "held": "sounds are held in {:.0%} of the speech (speaker {:.0%})",
}


def find_mannerisms(audio: np.ndarray) -> Mannerisms | None:
    """Measure float32 samples (n,) at 16 kHz; None without sound.

    Raises PredictorMissing without praat-parselmouth.
    """
    sounding = speech_frames(audio)
    if not sounding.any():
        return None
    track, level = pitch_track(audio), levels(audio)
    nuclei = syllables(audio, track)
    heights = level[np.minimum((nuclei * 100).astype(int), len(level) - 1)]
    return Mannerisms(
        pitch_shifts=_pitch_shifts(track),
        first_syllable_db=float(heights[0] - np.median(heights)) if len(heights) > 2 else None,
        held=_held(audio, sounding, level),
    )


def _pitch_shifts(track: np.ndarray) -> float | None:
    """Share of all spans of 40 ms within one stretch of voice; octave errors of one frame left
    out by a median of five."""
    voiced = [12 * np.log2(track[start:end]) for start, end in true_runs(track > 0)]
    smooth = [median_filter(pitch, 5) for pitch in voiced if len(pitch) > _SPAN + 4]
    moves = [np.abs(pitch[_SPAN:] - pitch[:-_SPAN]) for pitch in smooth]
    return float((np.concatenate(moves) > _SHIFT_ST).mean()) if moves else None


def _held(audio: np.ndarray, sounding: np.ndarray, level: np.ndarray) -> float:
    change = np.abs(np.diff(log_mel(audio, hop=HOP, window=WINDOW), axis=1)).mean(axis=0)
    frames = min(len(change), len(sounding))
    loud = level[:frames] > np.percentile(level, 95) - _NEAR_LOUD_DB
    held = (change[:frames] < _HELD_DB) & sounding[:frames] & loud
    return float(held.sum() / max(sounding[:frames].sum(), 1))


def mannerism_columns(found: Sequence[Mannerisms | None]) -> dict[str, np.ndarray]:
    """The measures of n clips by name, (n,) each, NaN where there is none."""
    return columns_of(found, MANNERISMS)


def with_mannerisms(
    scored: ScoredAspect, spoken: Measures, real: Measures, counts: np.ndarray, confidence: float
) -> ScoredAspect:
    """Smoothness with the means of n spoken clips as details, and as notes what they have more of
    than the real ones."""
    told = told_mannerisms(spoken, real, counts, confidence)
    known = {name: spoken[name] for name in MANNERISMS if name in spoken}
    means = {name: float(np.nanmean(v)) for name, v in known.items() if not np.isnan(v).all()}
    return replace(
        scored,
        details={**scored.details, **means},
        notes=(*scored.notes, *(words for _, _, words in told.values())),
    )


def told_mannerisms(
    spoken: Measures, real: Measures, counts: np.ndarray, confidence: float
) -> dict[str, tuple[Interval, float, str]]:
    """Mannerisms that the spoken clips (n,) have more of than the real ones (m,): the difference
    with its interval, the spoken mean, and a sentence. `counts` (d, n): the bootstrap's draws."""
    found = {}
    for name in MANNERISMS:
        ours, theirs = spoken.get(name, np.zeros(0)), real.get(name, np.zeros(0))
        if min((~np.isnan(ours)).sum(), (~np.isnan(theirs)).sum()) < _FEWEST:
            continue
        random = np.random.default_rng(7)
        drawn = random.multinomial(len(theirs), np.full(len(theirs), 1 / len(theirs)), len(counts))
        apart = weighted_means(ours, np.ones(len(ours)), counts)
        apart = apart - weighted_means(theirs, np.ones(len(theirs)), drawn)
        mean, usual = float(np.nanmean(ours)), float(np.nanmean(theirs))
        over = interval(mean - usual, apart, confidence)
        if over.low > 0:
            found[name] = (over, mean, _WORDS[name].format(mean, usual))
    return found
