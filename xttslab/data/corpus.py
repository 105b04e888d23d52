"""The checked clips of one or more data sets, with content hash, length and text tokens."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xttslab.data.audio import (
    MIN_SECONDS,
    SAMPLE_RATE,
    SAMPLES_PER_CODE,
    code_count,
    content_hash,
    read_seconds,
    require_file,
)
from xttslab.data.copies import copies_across_sets
from xttslab.data.lexicons import LexiconReader, TextReader, data_lexicon
from xttslab.data.manifest import (
    EVAL,
    TRAIN,
    Clip,
    ClipLimits,
    Rejection,
    read_folder,
    require_folders,
)
from xttslab.errors import UserError
from xttslab.files import replacing
from xttslab.text.lexicon import Lexicon

REFERENCE_SECONDS = 6.0  # a reference clip of about this length fills one conditioning chunk


class AudioFile(NamedTuple):
    """What is remembered of a file: its size and time of change say whether it still holds."""

    size: int
    changed_ns: int
    content: str
    seconds: float


class AudioFiles:
    """Looks files up by path, and reads those that are new or changed.

    `memory` is the JSON file that remembers; one that is missing or damaged is made anew. None:
    nothing is remembered.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = memory
        self._known, self._fresh = _remembered(memory) if memory else {}, False

    def __getitem__(self, path: Path) -> AudioFile:
        """Raises AudioFault for a file that is missing or cannot be decoded."""
        require_file(path)
        name, state = os.path.realpath(path), path.stat()
        known = self._known.get(name)
        if known and known[:2] == [state.st_size, state.st_mtime_ns]:
            return AudioFile(*known)
        seconds = read_seconds(path)
        found = AudioFile(state.st_size, state.st_mtime_ns, content_hash(path), seconds)
        self._known[name], self._fresh = list(found), True
        return found

    def remember(self) -> None:
        """Write what is new, atomically."""
        if not self._fresh or self.memory is None:
            return
        with replacing(self.memory, shared=True) as partial:
            partial.write_text(json.dumps(self._known), encoding="utf-8")
        self._fresh = False


def _remembered(memory: Path) -> dict[str, list]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True)
class Corpus:
    """All usable clips of a data set, in manifest order, with what is known of each.

    `hashes` are of the audio files, `tokens` of the texts as they are read aloud, `seconds` of
    the recordings. `rejected` holds every row that was not used, and why; `lexicon` how the words
    of the texts are said.
    """

    name: str
    clips: tuple[Clip, ...]
    hashes: tuple[str, ...]
    tokens: tuple[np.ndarray, ...]
    seconds: tuple[float, ...]
    rejected: tuple[Rejection, ...]
    lexicon: Lexicon

    @cached_property
    def train(self) -> list[int]:
        """Rows that are trained on."""
        return [row for row, clip in enumerate(self.clips) if clip.split == TRAIN]

    @cached_property
    def eval(self) -> list[int]:
        """Rows that are held out."""
        return [row for row, clip in enumerate(self.clips) if clip.split == EVAL]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over audio, texts, categories, split and lexicon: equal for equal data only."""
        lines = sorted(
            f"{digest}|{clip.text}|{clip.category}|{clip.split}|{clip.source}"
            for clip, digest in zip(self.clips, self.hashes, strict=True)
        )
        said = filter(None, [self.lexicon.digest])  # a set without one has no line for it
        return hashlib.sha256("\n".join([*lines, *said]).encode()).hexdigest()

    def references(self, category: str, source: str = "", speaker: str = "") -> list[int]:
        """The two training clips that best stand for a category: those nearest to six seconds.

        Of `speaker` where one is named, even from held-out clips when the voice is held out whole;
        taken from `source`, else from any source, else from any category.
        """
        train = self.train
        if speaker:
            own = self._by_speaker.get(speaker, [])
            train = [row for row in own if self.clips[row].split == TRAIN] or own
        named = [row for row in train if self.clips[row].category == category]
        near = [row for row in named if not source or self.clips[row].source == source]
        ranked = reference_order(near, self.seconds)
        for wider in (named, train):
            if len(ranked) < 2:
                ranked += reference_order(set(wider) - set(ranked), self.seconds)
        return ranked[:2]

    @cached_property
    def _by_speaker(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, clip in enumerate(self.clips):
            rows.setdefault(clip.speaker, []).append(row)
        return rows

    def companions(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Training clips by (speaker, category); of the speaker where a category has but one."""
        by_voice: dict[str, list[int]] = {}
        by_category: dict[tuple[str, str], list[int]] = {}
        for row, clip in ((row, self.clips[row]) for row in self.train):
            by_voice.setdefault(clip.speaker, []).append(row)
            by_category.setdefault((clip.speaker, clip.category), []).append(row)
        return {
            key: tuple(rows if len(rows) > 1 else by_voice[key[0]])
            for key, rows in by_category.items()
        }

    @cached_property
    def other_texts(self) -> dict[int, int]:
        """Held-out row → the held-out row whose text its codes are scored with too: the next one
        with a text of its own, of its source where there is one. Empty where all texts are one.

        Within the source, so that runs on one set and on several have the same pairs in common.
        """
        rows = self.eval
        texts = {row: self.tokens[row].tobytes() for row in rows}
        found = {}
        for place, row in enumerate(rows):
            next_ones = rows[place + 1 :] + rows[:place]
            own = (n for n in next_ones if self.clips[n].source == self.clips[row].source)
            other = next((n for n in chain(own, next_ones) if texts[n] != texts[row]), None)
            if other is not None:
                found[row] = other
        return found


def reference_order(rows: Iterable[int], seconds: Sequence[float]) -> list[int]:
    """Rows of clips, the best reference first: nearest to six seconds; of equals, the first."""
    return sorted(rows, key=lambda row: (abs(seconds[row] - REFERENCE_SECONDS), row))


def reference_clips(
    clips: Sequence[Clip], reader: TextReader, limits: ClipLimits, count: int = 1
) -> dict[str, list[Clip]]:
    """Category → the clips that it is spoken after: the first by `Corpus.references` of what
    `load_corpus` keeps of `clips`. Reads headers, and whole only the recordings that come first."""
    seconds = [_header_seconds(clip) for clip in clips]
    files, found = AudioFiles(), {}
    train = (row for row, clip in enumerate(clips) if clip.split == TRAIN)
    for row in reference_order(train, seconds):
        first = found.setdefault(clips[row].category, [])
        if len(first) < count and _check([clips[row]], files, reader, limits, []):
            first.append(clips[row])
    return {category: first for category, first in sorted(found.items()) if first}


def _header_seconds(clip: Clip) -> float:
    try:
        return read_seconds(clip.audio)
    except UserError:
        return math.inf  # comes last, where the whole file is looked at and refused


def load_corpus(
    name: str,
    sources: Mapping[str, str],
    language: str,
    reader: TextReader,
    limits: ClipLimits,
    memory: Path,
    least_agreement: float | None,
) -> Corpus:
    """Read the prepared folders of a data set and check every clip. `memory` keeps what was read of
    the audio files; `least_agreement` leaves copies across the folders out, None does not.

    Raises UserError when a folder is missing (with the command that makes it), when no clip is
    usable, and when nothing is held out for evaluation.
    """
    require_folders(name, sources)
    read = [read_folder(Path(folder), source, language) for source, folder in sources.items()]
    clips = [clip for found, _ in read for clip in found]
    rejected = [fault for _, faults in read for fault in faults]
    files = AudioFiles(memory)
    lexicon = data_lexicon(map(Path, sources.values()))
    said = LexiconReader(reader, lexicon)
    checked = _check(clips, files, said, limits, rejected)
    files.remember()
    if least_agreement is not None:
        known = [(clip, file.content, file.seconds) for clip, _, file in checked]
        copies = copies_across_sets(known, least_agreement)
        rejected += [copies[row] for row in sorted(copies)]
        checked = [one for row, one in enumerate(checked) if row not in copies]
    if not checked:
        raise UserError(f"data set {name!r}: no usable clip; the first fault: {rejected[0].reason}")
    corpus = Corpus(
        name=name,
        clips=tuple(clip for clip, _, _ in checked),
        hashes=tuple(file.content for _, _, file in checked),
        tokens=tuple(tokens for _, tokens, _ in checked),
        seconds=tuple(file.seconds for _, _, file in checked),
        rejected=tuple(rejected),
        lexicon=lexicon,
    )
    _require_split(corpus)
    return corpus


def _check(
    clips: Sequence[Clip],
    files: AudioFiles,
    reader: TextReader,
    limits: ClipLimits,
    rejected: list[Rejection],
) -> list[tuple[Clip, np.ndarray, AudioFile]]:
    checked = []
    for clip in clips:
        try:
            file = files[clip.audio]
            tokens = reader.encode(clip.text, clip.language)
        except UserError as fault:
            rejected.append(Rejection(str(clip.audio), str(fault), clip.text))
            continue
        codes = code_count(round(file.seconds * SAMPLE_RATE))
        if file.seconds < MIN_SECONDS:
            reason, value = f"shorter than {MIN_SECONDS} s", f"{file.seconds:.2f} s"
        elif codes > limits.codes:
            longest = f"{limits.codes * SAMPLES_PER_CODE / SAMPLE_RATE:.1f} s"
            reason, value = f"longer than the model's {longest}; cut it", f"{file.seconds:.1f} s"
        elif len(tokens) > limits.text_tokens:
            reason = f"text longer than {limits.text_tokens} tokens; cut the clip"
            value = f"{len(tokens)} tokens"
        else:
            checked.append((clip, tokens, file))
            continue
        rejected.append(Rejection(str(clip.audio), reason, value))
    return checked


def _require_split(corpus: Corpus) -> None:
    unplaced = sum(clip.split not in (TRAIN, EVAL) for clip in corpus.clips)
    if unplaced:
        raise UserError(
            f"data set {corpus.name!r}: {unplaced} clips have no split; run "
            f"`python -m xttslab.prepare dataset={corpus.name} source=PATH`, which freezes it"
        )
    if not corpus.eval or not corpus.train:
        empty = "eval" if not corpus.eval else "train"
        raise UserError(
            f"data set {corpus.name!r}: no clip is marked {empty}; add clips (a category needs "
            f"three to hold one out) or write {empty} into the split column of metadata.csv"
        )
