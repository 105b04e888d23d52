"""Holds the words of a transcript with their times and speakers, checked and in order."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from xttslab.errors import UserError
from xttslab.text.abbreviations import keeps_sentence_open

UNKNOWN = math.nan  # a time that the transcript does not give
_MOST_FAULTY = 0.2  # share of impossible times above which none of them is believed
_SPARSE = 60  # words a sentence: more, and the transcript has no punctuation to go by
_PAUSE = 0.4  # seconds between words that end a sentence where nothing else does
_CLOSERS = "\"'”’»)]"
SENTENCE_END = tuple(f"{mark}{closer}" for mark in ".!?…" for closer in ("", *_CLOSERS))
_ENDS = re.compile(rf"[.!?…]+[{re.escape(_CLOSERS)}]*$")
_ORDINAL = re.compile(r"\W*\d+\.$")
_INITIAL = re.compile(r"\W*[^\W\d_]\.$")
_NUMBER = re.compile(r"\d+$")


class TimedWord(NamedTuple):
    """A word with the full stop or comma behind it; `start` and `end` in seconds, NaN where the
    transcript does not say; `closes` marks the last word of a segment or subtitle."""

    text: str
    start: float
    end: float
    speaker: str = ""
    closes: bool = False


class TimedSegment(NamedTuple):
    """A segment or subtitle as a file gives it: what is said from `start` to `end` (seconds), and
    its words where they have times of their own."""

    text: str
    start: float
    end: float
    speaker: str = ""
    words: tuple[TimedWord, ...] = ()


class TimedSentence(NamedTuple):
    """Words `first` to `stop` (exclusive) of a transcript, spoken by `speaker`."""

    first: int
    stop: int
    speaker: str


@dataclass(frozen=True)
class TimedText:
    """A transcript with times. `words` are in order, `digest` is their hash; `exact`: most of them
    have times of their own; `notes` say what was mended in it; `keep` is the only speaker whose
    words are wanted, all where it is empty; up to `stray` words in the midst of another's are taken
    for theirs: that is how recognisers err. `misfit`: what shows that it is of another
    recording."""

    path: Path
    words: tuple[TimedWord, ...] = field(repr=False)
    digest: str
    exact: bool
    notes: tuple[tuple[str, str], ...] = ()
    keep: str = ""
    stray: int = 2
    misfit: str = ""

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(word.text for word in self.words)

    @property
    def end(self) -> float:
        """The last time in it, in seconds."""
        return max((w.end for w in self.words if not math.isnan(w.end)), default=0.0)

    def speakers(self) -> dict[str, float]:
        """Seconds by speaker, in the order in which they speak first."""
        seconds: dict[str, float] = {}
        since = UNKNOWN
        for word in self.words:
            since = word.start if math.isnan(since) else since
            until = word.end
            if not math.isnan(until) and not math.isnan(since):
                seconds[word.speaker] = seconds.get(word.speaker, 0.0) + max(0.0, until - since)
                since = UNKNOWN
        return seconds

    def named(self) -> list[tuple[float, float]]:
        """Where the speaker who is to be kept speaks, (start, end) in seconds and in order."""
        spans: list[tuple[float, float]] = []
        since, before = UNKNOWN, ""
        for word in self.words:
            since = word.start if math.isnan(since) or word.speaker != before else since
            before = word.speaker
            if not math.isnan(word.end) and not math.isnan(since):
                if word.speaker == self.keep and word.end > since:
                    spans.append((since, word.end))
                since = UNKNOWN
        return spans if self.keep else []

    def keeping(self, speaker: str) -> TimedText:
        """This transcript with only that speaker's words wanted."""
        return replace(self, keep=speaker)


def timed_text(path: Path, utterances: Iterable[TimedSegment]) -> TimedText:
    """Check the segments of a file and put them in order.

    Segments out of order are sorted, words without a usable time get it from their neighbours;
    `notes` say so. Raises UserError where there is none, or where over a fifth of the times cannot
    be.
    """
    usable, faulty, shown = [], 0, ""
    spoken = [one for one in utterances if any(map(str.isalnum, one.text))]
    for one in spoken:
        if _possible(one.start, one.end):
            usable.append(one)
        else:
            faulty += 1
            said = " ".join(one.text.split())[:30]
            shown = shown or f"{one.start:g} to {one.end:g} s: {said}"
    if faulty > _MOST_FAULTY * len(spoken):
        what = f"{faulty} of {len(spoken)} times cannot be ({shown})"
        raise UserError(f"{path.name}: {what}; export the transcript again")
    if not usable:
        raise UserError(f"{path.name}: holds no words with times; export it with times, in seconds")
    notes = [("times that cannot be: left out", f"{faulty}, first {shown}")] if faulty else []
    late = sum(b.start < a.start for a, b in itertools.pairwise(usable))
    if late:
        usable.sort(key=lambda one: one.start)
        notes.append(("segments out of order: sorted by their times", str(late)))
    words = tuple(word for one in usable for word in _words(one))
    timed = sum(len(one.words) for one in usable)
    digest = hashlib.sha256(repr(words).encode()).hexdigest()
    return TimedText(path, words, digest, timed >= len(words) / 2, tuple(notes))


def _possible(start: float, end: float) -> bool:
    return math.isfinite(start) and math.isfinite(end) and 0 <= start <= end


def _words(one: TimedSegment) -> list[TimedWord]:
    """The words of a segment; where it has none of its own, only its first and last time are
    known."""
    if one.words:
        words, latest = [], 0.0
        for word in one.words:
            start, end = word.start, word.end
            if not _possible(start, end) or start < latest - 1.0:
                start = end = UNKNOWN
            else:
                latest = start
            words.append(word._replace(start=start, end=end))
        known = [w for w in words if not math.isnan(w.start)]
        if known:
            words[-1] = words[-1]._replace(closes=True)
            return words
    tokens = one.text.split()
    words = [TimedWord(token, UNKNOWN, UNKNOWN, one.speaker) for token in tokens]
    words[0] = words[0]._replace(start=one.start)
    words[-1] = words[-1]._replace(end=one.end, closes=True)
    return words


def with_punctuation(text: str, words: Sequence[TimedWord]) -> tuple[TimedWord, ...]:
    """The words as `text` writes them, with commas and capitals; each gets the time of its letters.

    Returns `words` as they are where their letters are not those of the text.
    """
    tokens = text.split()
    if [word.text for word in words] == tokens:
        return tuple(words)
    wanted = [_letters(token) for token in tokens]
    given = [_letters(word.text) for word in words]
    if "".join(wanted) != "".join(given):
        return tuple(words)
    letters = [(place, word) for word in words for place in _spread(word)]
    found, done = [], 0
    for token, name in zip(tokens, wanted, strict=True):
        part = letters[done : done + len(name)]
        done += len(name)
        if not part and found:  # a dash alone belongs to the word before
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {token}")
        elif part:
            start, end = part[0][0][0], part[-1][0][1]
            found.append(TimedWord(token, start, end, part[0][1].speaker))
    return tuple(found)


def _spread(word: TimedWord) -> list[tuple[float, float]]:
    """Start and end of every letter of a word."""
    count = len(_letters(word.text))
    step = (word.end - word.start) / max(count, 1)
    return [(word.start + i * step, word.start + (i + 1) * step) for i in range(count)]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFC", text).casefold()))


def sentences(words: Sequence[TimedWord], stray: int) -> list[TimedSentence]:
    """The sentences of a transcript, in order; one without punctuation is divided where its
    segments end. A sentence that several speak is divided between them, but for `stray` words in
    the midst of another's (see `TimedText`)."""
    ends = [_ends_sentence(words, index) for index in range(len(words))]
    if sum(ends) * _SPARSE < len(words):
        ends = [end or _pauses(words, index) for index, end in enumerate(ends)]
    found, first = [], 0
    for index, end in enumerate(ends):
        if end or index == len(words) - 1:
            found += _by_speaker(words, first, index + 1, stray)
            first = index + 1
    return found


def _pauses(words: Sequence[TimedWord], index: int) -> bool:
    """Whether a segment ends with a word, or the speaker pauses after it."""
    following = words[index + 1].start if index + 1 < len(words) else UNKNOWN
    return words[index].closes or following - words[index].end >= _PAUSE


def _ends_sentence(words: Sequence[TimedWord], index: int) -> bool:
    """Whether a sentence ends with a word: a mark ends it, and what follows may begin one."""
    word = words[index].text
    if not _ENDS.search(word):
        return False
    if index + 1 == len(words):
        return True
    bare = word.strip(_CLOSERS)
    following = words[index + 1].text.lstrip("\"'„“»«([-–—¿¡")
    if following[:1].islower():
        return False
    if keeps_sentence_open(bare):
        return False
    ambiguous = _ORDINAL.match(bare) or _INITIAL.match(bare)
    return words[index].closes or not ambiguous


def _by_speaker(
    words: Sequence[TimedWord], first: int, stop: int, stray: int
) -> list[TimedSentence]:
    runs = [list(run) for run in speaker_runs(words, first, stop)]
    place = 1
    while place < len(runs) - 1:
        before, this, after = runs[place - 1 : place + 2]
        same = words[before[0]].speaker == words[after[0]].speaker
        if same and this[1] - this[0] <= stray:
            runs[place - 1 : place + 2] = [[before[0], after[1]]]
        else:
            place += 1
    return [TimedSentence(a, b, words[a].speaker) for a, b in runs]


def speaker_runs(words: Sequence[TimedWord], first: int, stop: int) -> list[tuple[int, int]]:
    """(first, stop) of the words that one speaker says in a row, between two places."""
    runs: list[tuple[int, int]] = []
    for index in range(first, stop):
        if runs and words[runs[-1][0]].speaker == words[index].speaker:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def same_speaker(wanted: str, name: str) -> bool:
    """Whether a person means that speaker: case, spaces and underlines do not count, and a number
    alone stands for "Speaker 0"."""
    asked, there = (re.sub(r"[\W_]+", "", text.casefold()) for text in (wanted, name))
    if asked == there:
        return True
    number = _NUMBER.search(there)
    return bool(asked.isdigit() and number and int(number.group()) == int(asked))
