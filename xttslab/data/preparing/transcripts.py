"""Transcribes clips with a speech recogniser, and divides a long transcript among its clips.

Recognised texts are kept on disk by the clip's content, so that no clip is transcribed twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from rapidfuzz.distance import Levenshtein

from xttslab.data.audio import read_audio
from xttslab.data.manifest import Rejection
from xttslab.data.parallel import progress
from xttslab.data.preparing.folder import Folder, Record
from xttslab.data.preparing.making import Made
from xttslab.data.speaker_encoders import RATE
from xttslab.files import append_line
from xttslab.text.hungarian import letters
from xttslab.text.mending import mend

_BATCH = 32  # clips between two writes to disk
_SENTENCE_END = ".!?…"


class HeardText(Protocol):
    """What a recogniser gives for one clip."""

    @property
    def text(self) -> str:
        """The words as running text."""
        ...


class SpeechRecogniser(Protocol):
    """A speech recogniser; `transcribe` takes float32 clips at 16 kHz. Its repr names all that
    decides what it hears."""

    @property
    def model(self) -> str:
        """The name under which people know it."""
        ...

    def transcribe(self, audios: Sequence[np.ndarray]) -> Sequence[HeardText]:
        """One result for every clip."""
        ...


@dataclass(frozen=True)
class Transcriber:
    """Transcribes clips with `recogniser`; `memory` is the file of its earlier transcripts."""

    recogniser: SpeechRecogniser
    memory: Path

    def transcribe(
        self, clips: Mapping[str, Path], progress: Callable[[int], None]
    ) -> dict[str, str]:
        """Text by content hash, for clips given as content hash → file."""
        known = {digest: text for digest, text in self._known() if digest in clips}
        fresh = [digest for digest in clips if digest not in known]
        progress(len(known))
        for start in range(0, len(fresh), _BATCH):
            batch = fresh[start : start + _BATCH]
            audios = [read_audio(clips[digest], RATE) for digest in batch]
            texts = [recognised.text for recognised in self.recogniser.transcribe(audios)]
            found = dict(zip(batch, texts, strict=True))
            self._remember(found)
            known |= found
            progress(len(batch))
        return known

    def _known(self) -> Iterable[tuple[str, str]]:
        if not self.memory.is_file():
            return
        for line in self.memory.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of an interrupted run
                continue
            if entry["by"] == repr(self.recogniser):
                yield entry["clip"], entry["text"]

    def _remember(self, found: Mapping[str, str]) -> None:
        for digest, text in found.items():
            entry = {"by": repr(self.recogniser), "clip": digest, "text": text}
            append_line(self.memory, json.dumps(entry, ensure_ascii=False))


def difference(given: str, recognised: str, language: str) -> float:
    """Character error rate of the recognised text against the given text, both as they sound."""
    wanted, found = (letters(text, language) for text in (given, recognised))
    return Levenshtein.distance(found, wanted) / max(len(wanted), 1)


def share_out(transcript: str, recognised: Sequence[str], language: str) -> list[str]:
    """Give each of the clips of a recording its part of the transcript, in order.

    `recognised` is the recogniser's text of each; its letters are aligned with the transcript's,
    and the transcript is divided at the word boundary nearest to where each clip ends (at the end
    of a sentence, if one is as near as three letters). Every word goes to exactly one clip.
    """
    words = transcript.split()
    ends = np.cumsum([len(letters(word, language)) for word in words])
    spoken = [letters(text, language) for text in recognised]
    written = "".join(letters(word, language) for word in words)
    places = _aligned(np.cumsum([len(part) for part in spoken]), "".join(spoken), written)
    cuts = [_word_boundary(place, ends, words) for place in places[:-1]]
    bounds = [0, *np.maximum.accumulate(np.array(cuts, int)), len(words)]
    return [" ".join(words[a:b]) for a, b in pairwise(bounds)]


def _aligned(positions: np.ndarray, spoken: str, written: str) -> list[float]:
    """Where positions in the recognised text lie in the written one."""
    ends = [(block.src_end, block.dest_end) for block in Levenshtein.opcodes(spoken, written)]
    source, target = np.array([(0, 0), *ends], float).T
    return np.interp(positions, source, target).tolist()


def _word_boundary(place: float, ends: np.ndarray, words: Sequence[str]) -> int:
    """Number of words before the cut nearest to letter `place`."""
    bounds = np.concatenate(([0], ends))
    cost = np.abs(bounds - place)
    closes = [False, *(word.endswith(tuple(_SENTENCE_END)) for word in words)]
    return int(np.argmin(cost - 3.0 * np.array(closes)))


@dataclass
class Texts:
    """Texts by clip name, recognised texts by content hash, where a text came from and what of it
    was mended by clip name, and transcripts that could not be used."""

    by_name: dict[str, str] = field(default_factory=dict)
    recognised: dict[str, str] = field(default_factory=dict)
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    mended: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    unused: list[Rejection] = field(default_factory=list)

    def mend(self) -> None:
        """Take tags out of all texts and mend their spaces and dashes; a text of tags alone stays,
        so that the checks can tell it from one that nobody wrote."""
        for name, text in self.by_name.items():
            mended = mend(text)
            if any(character.isalnum() for character in mended.text):
                self.by_name[name] = mended.text
                self.mended[name] = mended.changes


def find_texts(
    made: Sequence[Made], folder: Folder, transcriber: Transcriber | None, check: bool
) -> Texts:
    """Decide the text of every clip; `check` transcribes clips that have one, too."""
    texts = Texts()
    if transcriber is not None:
        wanted = [r for m in made if check or _needs_transcription(m) for r in _usable(m.records)]
        texts.recognised = _transcribe(wanted, folder, transcriber)
    for one in made:
        _take_given(texts, one, transcriber is not None)
        for record in _usable(one.records):
            if not texts.by_name.get(record.name):
                texts.by_name[record.name] = texts.recognised.get(record.digest, "")
                if transcriber is not None:
                    model = transcriber.recogniser.model
                    texts.changes[record.name] = ("text recognised by", model)
    texts.mend()
    return texts


def _take_given(texts: Texts, one: Made, transcribed: bool) -> None:
    """Give the clips of an item the text that came with it: their sentences of a transcript with
    times, the whole text of a single clip, or, where it was `transcribed`, parts of a long text."""
    records, given = _usable(one.records), one.item.clip.text
    for record in records:
        if record.text:
            texts.by_name[record.name] = record.text
            texts.changes[record.name] = ("text by the times of", record.transcript)
    if not _is_segmented(one):
        texts.by_name |= {record.name: given for record in records}
    elif one.item.transcript is not None or not given:
        pass  # a transcript's sentences went to their clips above, or it fits none
    elif transcribed:
        spoken = [texts.recognised.get(record.digest, "") for record in records]
        parts = share_out(mend(given).text, spoken, one.item.clip.language)
        for record, part in zip(records, parts, strict=True):
            texts.by_name[record.name] = part
            texts.changes[record.name] = ("text shared out of", one.item.origin)
    else:
        fault = "its transcript needs transcripts.model to be shared out among its clips"
        texts.unused.append(Rejection(one.item.origin, fault, f"{given[:40]} …"))


def _transcribe(
    records: Iterable[Record], folder: Folder, transcriber: Transcriber
) -> dict[str, str]:
    clips = {record.digest: folder.audio(record.name) for record in records}
    with progress("transcribe", len(clips)) as advance:
        return transcriber.transcribe(clips, advance)


def _usable(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if not record.reason]


def _is_segmented(made: Made) -> bool:
    return any(record.name != record.base for record in made.records)


def _needs_transcription(made: Made) -> bool:
    if _is_segmented(made):
        return any(not record.text for record in _usable(made.records))
    return not made.item.clip.text
