"""Keeps the references of a voice, recordings or stored latents by category, and tells how much of
each recording is heard and which categories are mixed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from xttslab.data.audio import SAMPLE_RATE, content_hash, read_audio
from xttslab.data.manifest import has_metadata, read_folder
from xttslab.errors import UserError
from xttslab.model.voice import MIN_REFERENCE_SECONDS, MOST_OF_A_RECORDING, Speaking, Voice
from xttslab.speaking.joining import syllable_rate
from xttslab.speaking.lines import Categories, names_of

if TYPE_CHECKING:
    from torch import Tensor

Recordings = Path | str | Sequence[Path | str] | None
_QUIET = 1e-3  # peak of a recording that holds no voice (−60 dB of full scale)
_REMEMBERED = 64  # references whose voice is kept: clients may name any mix of categories


class References:
    """What a voice speaks after: its categories' recordings, or voices that were stored of them.

    In all methods `given` are recordings in place of a category's, and `category` may name several
    (`names_of`), whose recordings are heard together; "" and None mean the first one.

    Args:
        voice: the models that hear recordings.
        recordings: category → recordings that stand for it.
        stored: category → what `Voice.reference` made of them earlier; these need no recording.
    """

    def __init__(
        self,
        voice: Voice,
        recordings: Mapping[str, Sequence[Path]],
        stored: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.by_category, self.stored = recordings, stored or {}
        self._voice = voice
        self._heard = lru_cache(_REMEMBERED)(self._hear)
        self._rate = lru_cache(_REMEMBERED)(_syllable_rate)

    @property
    def categories(self) -> list[str]:
        """The categories that have a reference, sorted."""
        return sorted(self.stored or self.by_category)

    def prompt(
        self,
        category: Categories = None,
        given: Recordings = None,
        settings: Speaking | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Prompt latents (32, D) and speaker embedding (S, 1), of so much of the recordings as
        `settings` says; of several stored voices the mean."""
        if self._is_stored(given):
            parts = [self.stored[name] for name in self._known(category)]
            latents, speakers = zip(*parts, strict=True)
            return torch.stack(latents).mean(dim=0), torch.stack(speakers).mean(dim=0)
        lengths = (settings.reference_seconds, settings.chunk_seconds) if settings else ()
        return self._heard(self.recordings(category, given), lengths)

    def recordings(self, category: Categories, given: Recordings = None) -> tuple[Path, ...]:
        """The recordings given, else those that stand for the categories: the first of each, then
        the second of each, so that all are heard."""
        if found := paths_of(given):
            return found
        if not self.by_category:
            raise UserError("whose voice? give speaker_wav=RECORDING, or dataset=NAME category=…")
        rounds = zip_longest(*(self.by_category[name] for name in self._known(category)))
        return tuple(dict.fromkeys(path for some in rounds for path in some if path is not None))

    def report(self, category: Categories, given: Recordings, settings: Speaking) -> list[str]:
        """How much of each recording is heard, one line each, and a warning where they are of
        several categories; of a voice that keeps no recordings that warning alone."""
        if self._is_stored(given):
            return mixing(self._known(category))
        heard = self.heard(category, given, settings)
        if given:
            return [
                *map(str, heard),
                *mixing(categories_of([one.recording for one in heard]).values()),
            ]
        names = self._known(category)
        own = {path: name for name in names for path in self.by_category[name]}
        lines = (
            [f"{own[one.recording]}: {one}" for one in heard] if len(names) > 1 else map(str, heard)
        )
        return [*lines, *mixing(names)]

    def heard(self, category: Categories, given: Recordings, settings: Speaking) -> list[Heard]:
        """How much of each recording is heard."""
        paths = self.recordings(category, given)
        lengths = [len(read_audio(path)) / SAMPLE_RATE for path in paths]
        return heard_of(
            paths,
            lengths,
            settings.reference_seconds,
            settings.chunk_seconds,
            MOST_OF_A_RECORDING,
            MIN_REFERENCE_SECONDS,
        )

    def pace(self, category: Categories, given: Recordings) -> float:
        """Syllables a second of the recordings; raises UserError where there are none to hear."""
        if self._is_stored(given):
            raise UserError(
                "pace=reference needs recordings, and this voice keeps none; give speaker_wav= or "
                "a number of syllables a second (4 to 6)"
            )
        return self._rate(self.recordings(category, given))

    def digest(self, category: Categories, given: Recordings) -> str:
        """SHA-256 of what is spoken after, as the recordings or the stored voices are."""
        if self._is_stored(given):
            parts = [
                value.float().cpu().numpy().tobytes()
                for name in self._known(category)
                for value in self.stored[name]
            ]
        else:
            parts = [content_hash(path).encode() for path in self.recordings(category, given)]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def require(self, category: Categories, given: Recordings) -> None:
        """Raise UserError unless there is a voice to speak after."""
        if self._is_stored(given):
            self._known(category)
        else:
            self.recordings(category, given)

    def move(self, device: torch.device) -> None:
        """Keep stored voices on `device`, and forget what recordings were heard as."""
        self._heard.cache_clear()
        self.stored = {
            category: (latents.to(device), speaker.to(device))
            for category, (latents, speaker) in self.stored.items()
        }

    def _is_stored(self, given: Recordings) -> bool:
        return bool(self.stored) and not paths_of(given)

    def _known(self, category: Categories) -> tuple[str, ...]:
        """The categories that are named, the first one where none is; all have a reference."""
        voices = self.stored or self.by_category
        names = names_of(category) or (next(iter(voices)),)
        for name in names:
            if name not in voices:
                known = ", ".join(sorted(voices))
                raise UserError(f"category={name}: the data has no clip of it; it has {known}")
        return names

    def _hear(self, paths: tuple[Path, ...], lengths: tuple[float, ...]) -> tuple[Tensor, Tensor]:
        waves = [read_audio(path) for path in paths]
        for path, wave in zip(paths, waves, strict=True):
            if not len(wave) or np.abs(wave).max() < _QUIET:
                raise UserError(f"{path}: there is no voice in it, only silence")
        return self._voice.reference(waves, *lengths)


def _syllable_rate(paths: tuple[Path, ...]) -> float:
    found = syllable_rate([read_audio(path) for path in paths], SAMPLE_RATE)
    if found is None:
        raise UserError(f"pace=reference: no syllable was found in {paths[0]}; give a number")
    return found


@dataclass(frozen=True)
class Heard:
    """How much of a reference recording reaches a voice: `prompt` seconds its melody (the GPT's
    prompt), `timbre` seconds its timbre (the speaker embedding), of `seconds` in all."""

    recording: Path
    seconds: float
    prompt: float
    timbre: float

    def __str__(self) -> str:
        heard = f"{self.prompt:.1f} s for the melody, {self.timbre:.1f} s for the timbre"
        return f"{self.recording}: {self.seconds:.1f} s, heard: {heard}"


def heard_of(
    recordings: Sequence[Path],
    lengths: Sequence[float],
    reference_seconds: float,
    chunk_seconds: float,
    most: float,
    least: float,
) -> list[Heard]:
    """What `Voice.reference` takes of recordings of so many seconds.

    At most `most` seconds of each; the melody is that of the first `reference_seconds` of all in a
    row, in chunks of `chunk_seconds` of which a last one under `least` is left out.
    """
    taken = [min(length, most) for length in lengths]
    whole = min(sum(taken), reference_seconds)
    rest = whole % chunk_seconds
    left = whole - rest if 0 < rest < least else whole
    found = []
    for path, length, timbre in zip(recordings, lengths, taken, strict=True):
        prompt = min(timbre, left)
        left -= prompt
        found.append(Heard(path, length, prompt, timbre))
    return found


def mixing(categories: Iterable[str]) -> list[str]:
    """A warning where recordings are of several categories, else nothing."""
    mixed = sorted(set(categories))
    if len(mixed) < 2:
        return []
    return [
        f"warning: the recordings are of several categories ({', '.join(mixed)}): what is spoken "
        "has the average of their melodies; give recordings of one category"
    ]


def categories_of(recordings: Sequence[Path]) -> dict[Path, str]:
    """The categories of recordings that lie in a data set's folder or below it."""
    wanted, found = {path.resolve(): path for path in recordings}, {}
    for folder in {near for path in wanted for near in list(path.parents)[:2]}:
        if not has_metadata(folder):
            continue
        try:
            clips, _ = read_folder(folder)
        except UserError:
            continue  # the metadata of something else
        known = {clip.audio.resolve(): clip.category for clip in clips if not clip.category_assumed}
        found |= {wanted[path]: known[path] for path in wanted if path in known}
    return found


def paths_of(recordings: Recordings) -> tuple[Path, ...]:
    """One recording, several or none as paths."""
    if not recordings:
        return ()
    several = [recordings] if isinstance(recordings, (str, Path)) else recordings
    return tuple(Path(path) for path in several)
