"""Finds what the wanted speaker says in recordings: by samples of the voice, by a name in
transcripts, or the one who speaks most."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xttslab.data.parallel import run_all
from xttslab.data.preparing.speaker_search import (
    DOUBTFUL,
    LONG,
    MOST,
    SpeakerPiece,
    SpeakerSearch,
    mean_voice,
)
from xttslab.data.preparing.voice_activity import Span
from xttslab.data.preparing.voice_windows import VoiceWindows, listen, listen_tasks
from xttslab.errors import UserError
from xttslab.files import write_atomically

_LISTED = 8  # voices that a message names
_INSIDE = 0.8  # of a window that a transcript gives to a speaker: it is theirs by name


class SpokenRecording(NamedTuple):
    """A decoded recording, where somebody speaks in it, and where its transcript says that the
    wanted speaker does; in seconds and in order."""

    decoded: Path
    speech: Sequence[Span]
    named: Sequence[Span] = ()


@dataclass(frozen=True, eq=False)
class WantedSpeaker:
    """Whom to keep: `voice` (size,) is that of the samples. None: whom transcripts name, where the
    search is by name, else whoever speaks most."""

    search: SpeakerSearch
    voice: np.ndarray | None

    def speech_in(
        self, recordings: Sequence[SpokenRecording], state: Path, workers: int
    ) -> list[list[SpeakerPiece] | None]:
        """The speech of each recording by who speaks; None where a transcript names too little of
        the speaker to know the voice.

        The main voice is kept in `state`, so that recordings which come later are searched for the
        same one. Raises UserError where nobody has the voice of the samples.
        """
        wanted = [rec for rec in recordings if rec.named] if self.search.by_name else recordings
        tasks = [listen_tasks(rec.decoded, rec.speech, self.search.encoder) for rec in wanted]
        results = run_all(listen, [task for parts in tasks for task in parts], workers, "voices")
        heard = [VoiceWindows.joined([next(results) for _ in parts]) for parts in tasks]
        if self.search.by_name:
            found = iter(self._by_names(wanted, heard))
            return [next(found) if rec.named else None for rec in recordings]
        voice = self._main_voice(heard, state) if self.voice is None else self.voice
        if voice is None:
            return [[] for _ in recordings]
        pieces = [
            self.search.pieces(windows, voice, rec.speech)
            for windows, rec in zip(heard, recordings, strict=True)
        ]
        kept = any(piece.kind >= DOUBTFUL for found in pieces for piece in found)
        if not kept and any(pieces):
            raise UserError(self._nobody(heard, voice))
        return list(pieces)

    def _by_names(
        self, recordings: Sequence[SpokenRecording], heard: Sequence[VoiceWindows]
    ) -> list[list[SpeakerPiece] | None]:
        """The pieces of each by the voice that is named in it, else in all of them together."""
        own, marked = [], []
        for rec, windows in zip(recordings, heard, strict=True):
            marked.append(named_windows(windows, rec.named))
            own.append(named_voice(self.search, windows, marked[-1]))
        known = np.array([voice for voice in own if voice is not None])
        usual = mean_voice(known, np.ones(len(known))) if len(known) else None
        found: list[list[SpeakerPiece] | None] = []
        for rec, windows, voice, named in zip(recordings, heard, own, marked, strict=True):
            wanted = usual if voice is None else voice
            pieces = self.search.pieces
            found.append(None if wanted is None else pieces(windows, wanted, rec.speech, named))
        return found

    def clip_measures(self, clips: Sequence[VoiceWindows], state: Path) -> list[dict[str, float]]:
        """The measures of clips in which this was heard, as `SpeakerSearch.clip_measures` gives
        them; raises UserError where nobody has the voice of the samples."""
        voice = self._main_voice(clips, state) if self.voice is None else self.voice
        if voice is None:
            return [{} for _ in clips]
        found = self.search.clip_measures(clips, voice)
        if not any(one["voice_theirs"] >= MOST for one in found):
            raise UserError(self._nobody([VoiceWindows.joined(clips)], voice))
        return found

    def _main_voice(self, heard: Sequence[VoiceWindows], state: Path) -> np.ndarray | None:
        path = state / f"main_voice.{self.search.encoder}.npy"
        if path.is_file():
            return np.load(path)
        voice = self.search.main_voice(heard)
        if voice is not None:
            buffer = io.BytesIO()
            np.save(buffer, voice)
            write_atomically(path, buffer.getvalue())
        return voice

    def _nobody(self, heard: Sequence[VoiceWindows], voice: np.ndarray) -> str:
        """That nobody has the voice of the samples, and who is there."""
        there = []
        for windows in heard:
            centres, seconds = self.search.voices(windows)
            for centre, length in zip(centres, seconds, strict=True):
                first = windows.places[int(np.nanargmax(windows.voices @ centre)), 0]
                there.append((float(length), float(centre @ voice), float(first)))
        there.sort(reverse=True)
        listed = ", ".join(
            f"{length:.0f} s (cosine {likeness:.2f}; heard at {first:.0f} s)"
            for length, likeness, first in there[:_LISTED]
        )
        return (
            "voice: nobody in the recordings has the voice of the samples; "
            f"the voices there: {listed or 'none'}; give a sample of one of them, or voice=main"
        )


def named_windows(heard: VoiceWindows, named: Sequence[Span]) -> np.ndarray:
    """Which windows lie in the seconds that a transcript gives to a speaker, (n,) bool."""
    starts, ends = np.array(named, float).reshape(-1, 2).T
    latest = np.maximum.accumulate(ends)
    starts = np.maximum(starts, np.concatenate(([0.0], latest))[: len(starts)])  # words overlap
    lengths = np.maximum(ends - starts, 0.0)
    clock = np.concatenate(([0.0], np.stack([starts, starts + lengths], axis=1).ravel()))
    before = np.concatenate(([0.0], np.cumsum(np.stack([0 * lengths, lengths], axis=1).ravel())))
    inside = np.diff(np.interp(heard.places, clock, before), axis=1)[:, 0]
    return inside >= _INSIDE * heard.seconds


def named_voice(search: SpeakerSearch, heard: VoiceWindows, named: np.ndarray) -> np.ndarray | None:
    """The voice of the speaker to whom a transcript gives the `named` windows, (size,): the mean of
    the more typical half of them, as names and times err. None where a sample needs more."""
    theirs = named & (heard.seconds >= LONG) & ~np.isnan(heard.voices).any(axis=1)
    rows, lengths = heard.voices[theirs], heard.seconds[theirs]
    if lengths.sum() < search.sample_s:
        return None
    nearest = np.argsort(-(rows @ mean_voice(rows, lengths)))
    half = nearest[: -(-len(nearest) // 2)]
    return mean_voice(rows[half], lengths[half])
