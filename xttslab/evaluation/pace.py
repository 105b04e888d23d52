"""Measures pace and melody of one recording without its text: syllables, pauses, pitch, ends.

Syllables are counted as Praat users do (de Jong and Wempe, "Praat script to detect syllable nuclei
and measure speech rate automatically", 2009): voiced peaks of the intensity with a dip between
them. A transcript that says less than the recording, as many do, so changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.signal import find_peaks

from xttslab.data.audio import true_runs
from xttslab.data.pitch import STEP_S
from xttslab.evaluation.prosody import columns_of, pitch_track
from xttslab.evaluation.scales import Anchor, ClipSet, Scale, ScoredAspect
from xttslab.evaluation.settings import FIXED, ScaleRule
from xttslab.evaluation.signal import HOP, levels, speech_frames
from xttslab.evaluation.spoken_clips import RATE

_SMOOTH = round(0.064 * RATE)  # of the intensity: 3.2 / 50 Hz, as Praat's at its lowest pitch
_DIP_DB = 2.0  # between two syllables
_BELOW_LOUD_DB = 25.0  # of the loudest sound; fainter peaks are breath and noise
_PAUSE_S = 0.15  # shorter silences are stops
_FEWEST = 3  # syllables of a clip that has a pace
FEWEST_PACE = 4  # real clips: two halves of two


@dataclass(frozen=True)
class Pace:
    """Pace and melody of a recording of three or more syllables; None is not there.

    rate: syllables a second of speech, pauses left out. pauses: share of the time from the first
    sound to the last that is pause. pitch_range: semitones from the 10th to the 90th percentile.
    pitch_motion: semitones that the pitch moves a second of voice. ending: how long the last
    syllable sounds, in units of the clip's median syllable.
    """

    rate: float
    pauses: float
    pitch_range: float | None
    pitch_motion: float | None
    ending: float


PACE = tuple(field.name for field in fields(Pace))
# A clip's last seconds are slower than its first: what does not depend on the length is measured on
# whole real clips, pauses and range on clips cut to the lengths of the spoken ones.
OF_WHOLE_CLIPS = ("rate", "pitch_motion", "ending")
_RATIOS = ("rate", "ending")  # compared as logarithms: 10 % slower and 10 % faster are as far


def pace_columns(found: Sequence[Pace | None]) -> dict[str, np.ndarray]:
    """The measures of n clips by name, `pace_rate` …, (n,) each, NaN where there is none."""
    return {f"pace_{name}": column for name, column in columns_of(found, PACE).items()}


def pace_features(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Features (n, 5) in the order of `PACE` from the measured columns `pace_rate` … (n,)."""
    table = {name: columns[f"pace_{name}"] for name in PACE}
    logs = {name: np.log(np.maximum(table[name], 0.1)) for name in _RATIOS}
    return np.stack([logs.get(name, table[name]) for name in PACE], axis=1)


def measure_pace(audio: np.ndarray) -> Pace | None:
    """Measure float32 samples (n,) at 16 kHz; None where fewer than three syllables are found.

    Raises PredictorMissing without praat-parselmouth.
    """
    frames = np.flatnonzero(speech_frames(audio))
    if not len(frames):
        return None
    first, last = frames[0], frames[-1] + 1
    track = pitch_track(audio)
    nuclei = syllables(audio, track)
    pauses = _pauses(speech_frames(audio)[first:last])
    spoken = (last - first - pauses) * HOP / RATE
    if len(nuclei) < _FEWEST:
        return None
    steps = np.diff(nuclei)
    usual = float(np.median(steps[steps < _PAUSE_S + np.median(steps)]))
    semitones = 12 * np.log2(track[track > 0])
    voiced = len(semitones) >= 10
    spread = float(np.diff(np.percentile(semitones, (10, 90)))[0]) if voiced else None
    return Pace(
        rate=len(nuclei) / spoken,
        pauses=pauses / (last - first),
        pitch_range=spread,
        pitch_motion=_motion(track) if voiced else None,
        ending=(last * HOP / RATE - float(nuclei[-1])) / usual,
    )


def syllables(audio: np.ndarray, track: np.ndarray) -> np.ndarray:
    """When the nuclei of syllables sound, in seconds, (m,); `track` is the pitch every 5 ms."""
    level = levels(audio, window=_SMOOTH)
    loud = level.max(initial=-200.0) - _BELOW_LOUD_DB
    peaks, _ = find_peaks(level, height=loud, prominence=_DIP_DB)
    seconds = (peaks + 0.5) * HOP / RATE
    if not len(track):
        return np.zeros(0)
    offset = (len(audio) / RATE - len(track) * STEP_S) / 2  # Praat centres its frames
    places = np.clip(np.rint((seconds - offset) / STEP_S).astype(int), 0, len(track) - 1)
    around = np.stack([track[np.clip(places + step, 0, len(track) - 1)] for step in (-4, 0, 4)])
    return seconds[(around > 0).any(axis=0)]


def _pauses(sounding: np.ndarray) -> int:
    """Frames in silences of at least 150 ms."""
    silences = true_runs(~sounding)
    lengths = silences[:, 1] - silences[:, 0]
    return int(lengths[lengths >= _PAUSE_S * RATE / HOP].sum())


def _motion(track: np.ndarray) -> float:
    """Semitones a second that the pitch moves, leaps of over 2 semitones in 5 ms left out."""
    both = (track[1:] > 0) & (track[:-1] > 0)
    moves = np.abs(12 * np.log2(track[1:][both] / track[:-1][both]))
    moves = moves[moves < 2.0]
    return float(moves.mean() / STEP_S) if len(moves) else 0.0


# Least unit of each feature: what is hardly heard (5 % of pace, 3 % of the time, 1 semitone, 4
# semitones a second, a fifth of a syllable).
_LEAST = np.array([0.05, 0.03, 1.0, 4.0, 0.2])
_DRAWS = 40


def pace_distance(spoken: np.ndarray, real: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """How far mean features (…, 5) lie from others (…, 5): root mean square over the features that
    both have, each in the speaker's own spread."""
    steps = (spoken - real) / unit
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.nansum(steps**2, axis=-1) / (~np.isnan(steps)).sum(axis=-1))


def score_pace(
    spoken: np.ndarray, real: np.ndarray, clips: ClipSet, rule: ScaleRule
) -> tuple[ScoredAspect | None, str]:
    """Score the means of n spoken clips (n, 5) beside m real ones (m, 5) of the same lengths.

    The ceiling is what random sets of as many real clips are away from the rest. Returns None and
    why where there is too little on either side.
    """
    heard, ours = ~np.isnan(real).all(axis=1), ~np.isnan(spoken).all(axis=1)
    if heard.sum() < FEWEST_PACE or not ours.any():
        what = "real" if ours.any() else "spoken"
        return None, f"too few {what} clips with {_FEWEST} syllables; {FEWEST_PACE} are needed"
    real = real[heard]
    middle = _means(real, np.ones((1, len(real))))[0]
    spread = np.sqrt(_means((real - middle) ** 2, np.ones((1, len(real))))[0])
    unit = np.fmax(spread, _LEAST)
    found = pace_distance(_means(spoken, np.ones((1, len(spoken))))[0], middle, unit)
    draws = pace_distance(_means(spoken, clips.counts), middle, unit)
    scale = Scale(Anchor(rule.floor, FIXED), _ceiling(real, unit, int(ours.sum()), rule))
    silent = clips.mute.mean()
    share = float(scale.share(np.array(found))) * (1 - silent)
    mean = _means(spoken, np.ones((1, len(spoken))))[0]
    return ScoredAspect(
        measure="pace_distance",
        shares=np.full(len(spoken), np.nan),
        share=share,
        draws=scale.share(draws) * (1 - silent),
        by_category={},
        value=float(found),
        floor=scale.floor,
        ceiling=scale.ceiling,
        details=_against(mean, middle),
        notes=(_said(mean, middle),),
    ), ""


def _means(features: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means (d, 5) of clips (n, 5) drawn `counts` (d, n) times; NaN values left out."""
    known = (~np.isnan(features)).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (counts @ np.nan_to_num(features)) / (counts @ known)


def _ceiling(real: np.ndarray, unit: np.ndarray, clips: int, rule: ScaleRule) -> Anchor:
    """The distance of random real clips, as many as were spoken but at most half, to the rest."""
    size = max(1, min(clips, len(real) // 2))
    random = np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        order = random.permutation(len(real))
        halves = np.zeros((2, len(real)))
        halves[0, order[:size]] = halves[1, order[size:]] = 1
        found.append(float(pace_distance(*_means(real, halves), unit)))
    value = min(float(np.nanmean(found)), rule.floor / 2)
    return Anchor(value, f"{len(real)} real clips of the speaker, {size} beside the rest")


def _against(mean: np.ndarray, middle: np.ndarray) -> dict[str, float]:
    """The means beside the speaker's: ratios of pace and ending, differences of the others."""
    gap = dict(zip(PACE, mean - middle, strict=True))
    gap |= {name: float(np.exp(gap[name])) for name in _RATIOS}
    return {name: float(value) for name, value in gap.items() if value == value}


def _said(mean: np.ndarray, middle: np.ndarray) -> str:
    """In words: how much slower or faster than the speaker, how much wider or flatter."""
    ratio = float(np.exp(mean[0] - middle[0]))
    pace = "as fast as" if abs(ratio - 1) < 0.02 else (
        f"{abs(ratio - 1):.0%} {'slower' if ratio < 1 else 'faster'} than"
    )  # fmt: skip
    return (
        f"{pace} the speaker; pauses {mean[1]:.0%} of the time (speaker {middle[1]:.0%}); melody "
        f"{mean[2]:.1f} semitones wide (speaker {middle[2]:.1f})"
    )
