"""Tells the wanted speaker of a recording from everybody else in it, by voice.

The windows of a recording are grouped into voices: around the window that most speech is like, the
speech like it, then the same with what is left. The wanted speaker is the voice nearest to the
samples, or the one with most speech. A window is theirs when it is nearer to their voice than to
any other by a margin; between the two limits it is doubtful. Comparing voices of one recording
with each other holds with noise, which lowers all similarities alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass as checked

from xttslab.data.preparing.speaker_turns import equal_runs
from xttslab.data.preparing.voice_activity import Span
from xttslab.data.preparing.voice_windows import VoiceWindows
from xttslab.data.speaker_encoders import EncoderName

THEIRS, DOUBTFUL, OTHER, TOGETHER = 3, 2, 1, 0
MOST = 0.5  # of the speech in a clip: it is the wanted speaker's
_GRID = 0.01  # seconds
_TYPICAL = 400  # windows among which the most typical one is looked for
_ROUNDS = 6
_LONG_SHARE = 0.25
_BREATH = 0.5  # seconds of a pause that one person may make
LONG = 1.0  # seconds of a window that tells voices apart well


class SpeakerPiece(NamedTuple):
    """Speech of one kind: seconds, one of THEIRS … TOGETHER, and by how much it is nearer to the
    wanted voice than to any other (cosines)."""

    start: float
    end: float
    kind: int
    margin: float


class VoiceSample(NamedTuple):
    """A clip of the wanted speaker, and its content's hash."""

    path: Path
    digest: str


@checked(frozen=True)
class SpeakerSearch:
    """Limits of the search, in cosines between embeddings of `encoder` and in seconds.

    `same`: speech of one voice in one recording; `apart`: voices of two people are less alike;
    `alike`: two people's, where the one speaks at least a quarter as long as the other;
    `match`: a sample and the voice of that person in another recording; `least`: a window alone
    in its recording; `doubtful` and `sure`: margins to the nearest other voice, which are larger by
    `named` where a transcript names the wanted speaker; `least_s`: speech that makes a voice;
    `sample_s`: speech that the samples need together. `by_name`: the sample is what transcripts
    with times name as the speaker's.
    """

    encoder: EncoderName
    same: float
    apart: float
    alike: float
    match: float
    least: float
    doubtful: float
    sure: float
    named: float
    least_s: PositiveFloat
    sample_s: PositiveFloat
    samples: tuple[VoiceSample, ...] = ()
    by_name: bool = False

    def main_voice(self, recordings: Sequence[VoiceWindows]) -> np.ndarray | None:
        """The voice that speaks most in all recordings, (size,); None where nobody does."""
        found = [pair for pair in map(self._spoken, recordings) if len(pair[1])]
        if not found and recordings:  # many short ones
            found = [
                pair for pair in [self._spoken(VoiceWindows.joined(recordings))] if len(pair[1])
            ]
        if not found:
            return None
        voices = [voice for centres, _ in found for voice in centres]
        totals = [sum(self._seconds_of(voice, *one) for one in found) for voice in voices]
        return voices[int(np.argmax(totals))] if voices else None

    def _spoken(self, heard: VoiceWindows) -> tuple[np.ndarray, np.ndarray]:
        """The voices of a recording, and the seconds of all windows that are nearest to each."""
        centres, seconds = self.voices(heard)
        known = ~np.isnan(heard.voices).any(axis=1)
        if not len(centres) or not known.any():
            return centres, seconds
        nearest = np.argmax(heard.voices[known] @ centres.T, axis=1)
        return centres, np.bincount(nearest, heard.seconds[known], len(centres))

    def _seconds_of(self, voice: np.ndarray, centres: np.ndarray, seconds: np.ndarray) -> float:
        """How long somebody speaks in a recording with these voices: that nearest to theirs, and
        what is no other person's voice. Two voices of one recording are two people."""
        likeness = centres @ voice
        nearest = int(np.argmax(likeness))
        if likeness[nearest] < self.match:
            return 0.0
        own = ~self._others(centres @ centres[nearest], seconds)
        return float(seconds[own & (likeness >= min(likeness[nearest], self.apart))].sum())

    def _others(self, likeness: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Which voices of a recording are other people than the one they are so much like, (n,)
        bool. What one person says unlike their usual voice is a small part of it; voices that are
        nearly as much like each other, and both speak long, are two people."""
        most = seconds[int(np.argmax(likeness))] if len(seconds) else 0.0
        long = seconds >= _LONG_SHARE * most
        return (likeness < self.apart) | ((likeness < self.alike) & long)

    def pieces(
        self,
        heard: VoiceWindows,
        wanted: np.ndarray,
        regions: Sequence[Span],
        named: np.ndarray | None = None,
    ) -> list[SpeakerPiece]:
        """The speech of a recording, which `regions` say where it is, by who speaks; in order.
        `named`: the windows that a transcript gives to the wanted speaker, (n,) bool."""
        margins = self._margins(heard, wanted, None)
        if named is not None:
            margins = margins + np.where(named, self.named, 0.0)
        kinds = np.digitize(margins, (self.doubtful, self.sure)) + OTHER
        size = round(max([0.0, *(end for _, end in regions)]) / _GRID) + 1
        kind, margin = np.full(size, DOUBTFUL), np.zeros(size, np.float32)
        for (start, end), one, value in zip(heard.places, kinds, margins, strict=True):
            kind[round(start / _GRID) : round(end / _GRID)] = one
            margin[round(start / _GRID) : round(end / _GRID)] = value
        for start, end in heard.together:
            kind[round(start / _GRID) : round(end / _GRID)] = TOGETHER
        found: list[SpeakerPiece] = []
        for start, end in regions:
            low, high = round(start / _GRID), max(round(end / _GRID), round(start / _GRID) + 1)
            for a, b, one in equal_runs(kind[low:high]):
                places = (start if a == 0 else (low + a) * _GRID), (low + b) * _GRID
                least = float(margin[low + a : low + b].min())
                found.append(
                    SpeakerPiece(places[0], end if low + b == high else places[1], one, least)
                )
        return _settled(found)

    def clip_measures(
        self, clips: Sequence[VoiceWindows], wanted: np.ndarray
    ) -> list[dict[str, float]]:
        """What part of the speech of each clip is theirs, and surely so, and by what margin.

        One person sounds otherwise in another programme: a voice between `match` and `apart` is
        another person's or the same, so its clips are theirs, but not surely.
        """
        joined = VoiceWindows.joined(clips)
        likely, sure = (self._margins(joined, wanted, one) for one in (self.match, self.apart))
        ends = np.cumsum([len(clip.turns) for clip in clips])
        found = []
        for clip, end in zip(clips, ends, strict=True):
            rows = slice(end - len(clip.turns), end)
            whole = max(float(clip.seconds.sum()), 1e-9)
            theirs = likely[rows] >= self.doubtful
            surely = theirs & (sure[rows] >= self.sure)
            found.append(
                {
                    "voice_theirs": float(clip.seconds[theirs].sum()) / whole,
                    "voice_share": float(clip.seconds[surely].sum()) / whole,
                    "voice_margin": float(sure[rows].min(initial=1.0)),
                }
            )
        return found

    def _margins(self, heard: VoiceWindows, wanted: np.ndarray, apart: float | None) -> np.ndarray:
        """By how much each window is nearer to the wanted voice than to any that is less than
        `apart` like it, (n,); None: to any other person's in this one recording.

        A window is heard with its neighbours in the turn, which weigh half; what is too short to
        have an embedding is as the nearest that has one.
        """
        known = ~np.isnan(heard.voices).any(axis=1)
        if not known.any():
            return np.full(len(known), -1.0)
        voices = np.where(known[:, None], heard.voices, 0.0) * heard.seconds[:, None]
        one_turn = heard.turns[1:] == heard.turns[:-1]
        rows = voices.copy()
        rows[1:][one_turn] += voices[:-1][one_turn] / 2
        rows[:-1][one_turn] += voices[1:][one_turn] / 2
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        centres, seconds = self.voices(heard)
        likeness = centres @ wanted
        if likeness.max(initial=-1.0) >= self.match:
            wanted = centres[int(np.argmax(likeness))]
        likeness = centres @ wanted
        others = centres[self._others(likeness, seconds) if apart is None else likeness < apart]
        margins = rows @ wanted - (rows @ others.T).max(axis=1, initial=self.least)
        places = np.flatnonzero(known)
        steps = np.abs(places[None] - np.flatnonzero(~known)[:, None])
        margins[~known] = margins[places[steps.argmin(axis=1)]]
        return margins

    def voices(
        self, heard: VoiceWindows, least_s: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The voices of a recording, (voices, size), and their seconds, most speech first."""
        least_s = self.least_s if least_s is None else least_s
        good = (heard.seconds >= LONG) & ~np.isnan(heard.voices).any(axis=1)
        rows, lengths = heard.voices[good], heard.seconds[good]
        found: list[tuple[float, np.ndarray]] = []
        while len(rows):
            centre = _densest(rows, lengths, self.same)
            near = rows @ centre >= self.same
            if not near.any():
                break
            if lengths[near].sum() >= least_s:
                found.append((float(lengths[near].sum()), centre))
            rows, lengths = rows[~near], lengths[~near]
        found.sort(key=lambda pair: -pair[0])
        centres = np.array([centre for _, centre in found], np.float32)
        return centres.reshape(-1, heard.voices.shape[1]), np.array([s for s, _ in found], float)


def _settled(pieces: Sequence[SpeakerPiece]) -> list[SpeakerPiece]:
    """The pieces; a short doubtful one stays doubtful only within half a second of speech that is
    surely the wanted speaker's, and with nobody else's nearer. Else it is somebody else's."""
    settled = list(pieces)
    for index, piece in enumerate(pieces):
        if piece.kind != DOUBTFUL or piece.end - piece.start >= LONG:
            continue
        gaps = {OTHER: math.inf, THEIRS: math.inf}
        for near in pieces[max(index - 1, 0) : index + 2]:
            gap = max(near.start - piece.end, piece.start - near.end)
            gaps[near.kind] = min(gaps.get(near.kind, math.inf), gap)
        if gaps[THEIRS] > min(gaps[OTHER], _BREATH):
            settled[index] = piece._replace(kind=OTHER)
    return settled


def _densest(voices: np.ndarray, seconds: np.ndarray, same: float) -> np.ndarray:
    """The mean of the voices around the one that most speech is like."""
    typical = voices[:: -(-len(voices) // _TYPICAL)]
    like = ((voices @ typical.T >= same) * seconds[:, None]).sum(axis=0)
    centre = typical[int(np.argmax(like))]
    for _ in range(_ROUNDS):
        near = voices @ centre >= same
        if not near.any():
            break
        centre = mean_voice(voices[near], seconds[near])
    return centre


def mean_voice(voices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of (n, size) voices, at norm 1."""
    total = (voices * weights[:, None]).sum(axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-9)
