"""Measures median pitch, pitch range, energy and speaking rate of one recording."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xttslab.data.pitch import track_pitch
from xttslab.data.predictors import require
from xttslab.evaluation.pronunciation import normalise
from xttslab.evaluation.signal import HOP, levels, speech_frames
from xttslab.evaluation.spoken_clips import RATE

FEATURES = ("pitch_st", "pitch_range_st", "energy_db", "rate_syllables_s")
_VOWELS = frozenset("aáeéiíoóöőuúüű")  # one a syllable in Hungarian
_KEPT = 500  # tracks of 10 s: 8 MB
_tracks: OrderedDict[bytes, np.ndarray] = OrderedDict()
_INSTALL = "run `pip install praat-parselmouth`"


@dataclass(frozen=True)
class Prosody:
    """How one sentence is said; a value that cannot be had is None.

    pitch_st: median pitch in semitones above 1 Hz. pitch_range_st: from its 5th to its 95th
    percentile. energy_db: mean level of the sounding frames, dB of full scale. rate_syllables_s:
    syllables of the text a second, from the first sound to the last, pauses included.
    """

    pitch_st: float | None
    pitch_range_st: float | None
    energy_db: float
    rate_syllables_s: float | None

    def features(self) -> np.ndarray:
        """The values in the order of `FEATURES`, (4,), NaN for None."""
        return np.array([getattr(self, name) for name in FEATURES], dtype=float)


def columns_of(found: Sequence[object | None], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The fields `names` of n records, (n,) each; NaN where there is no record or no value."""
    return {
        name: np.array([one and getattr(one, name) for one in found], dtype=float)  # None → NaN
        for name in names
    }


def describe(audio: np.ndarray, text: str = "", language: str = "hu") -> Prosody:
    """Measure float32 samples (n,) at 16 kHz that contain speech.

    Raises ValueError for a recording without sound, PredictorMissing without praat-parselmouth.
    """
    frames = np.flatnonzero(speech_frames(audio))
    if not len(frames):
        raise ValueError("no sound in the recording; its prosody cannot be described")
    track = pitch_track(audio)
    semitones = 12 * np.log2(track[track > 0])
    voiced = len(semitones) >= 10  # 50 ms
    spread = np.diff(np.percentile(semitones, (5, 95)))[0] if voiced else None
    syllables = sum(letter in _VOWELS for letter in normalise(text, language))
    length = (frames[-1] - frames[0] + 1) * HOP / RATE
    return Prosody(
        pitch_st=float(np.median(semitones)) if voiced else None,
        pitch_range_st=float(spread) if spread is not None else None,
        energy_db=float(levels(audio)[frames].mean()),
        rate_syllables_s=syllables / length if syllables else None,
    )


def pitch_track(audio: np.ndarray) -> np.ndarray:
    """Pitch in Hz every 5 ms, (frames,), 0 where unvoiced; empty below 50 ms of sound.

    Three measures ask for it, so the tracks of the last recordings are kept. Raises
    PredictorMissing without praat-parselmouth.
    """
    require("parselmouth", _INSTALL)
    key = hashlib.blake2b(np.ascontiguousarray(audio).tobytes(), digest_size=16).digest()
    if key not in _tracks:
        _tracks[key] = track_pitch(audio, RATE).hertz
        if len(_tracks) > _KEPT:
            _tracks.popitem(last=False)
    return _tracks[key]
