"""Divides a recording into passages, those that become clips and those that are left out."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice, takewhile

import numpy as np

from xttslab.data.preparing.finishing import Recipe
from xttslab.data.preparing.sentence_cuts import OTHER_SPEAKER, SpokenPassage, cut_sentences
from xttslab.data.preparing.speaker_search import DOUBTFUL, MOST, THEIRS, TOGETHER, SpeakerPiece
from xttslab.data.preparing.timed_texts import TimedText, TimedWord, sentences, speaker_runs
from xttslab.data.preparing.transcript_fit import why_unfit
from xttslab.data.preparing.voice_activity import Segmentation, Span

Fault = tuple[float, float, str, str]  # start and end in seconds, reason, value
OTHER_VOICE = "somebody else speaks"
SEVERAL_VOICES = "several people speak at once"
_BORDER = 0.5  # seconds by which a sentence may reach past its words: others' speech is cut off


def divide(
    detected: np.ndarray,
    regions: Sequence[Span],
    recipe: Recipe,
    timed: TimedText | None,
    pieces: Sequence[SpeakerPiece] | None,
) -> list[SpokenPassage]:
    """The passages of a recording, in order: its transcript's sentences, or what lies between its
    pauses and changes of speaker.

    `detected` (frames, 2): probability of speech and power of every 32 ms; `regions` say where
    speech is, `pieces` the same by who speaks, None where everybody is wanted. A transcript that
    does not fit is told and left alone.
    """
    probability, unfit = detected[:, 0], []
    if timed is not None:
        misfit = timed.misfit or why_unfit(timed, detected, recipe.speech)
        if not misfit:
            if pieces is None:
                return cut_sentences(timed, detected, recipe.speech, recipe.segments)
            heard = _by_voice(timed, pieces)
            found = cut_sentences(heard, detected, recipe.speech, recipe.segments)
            return [part for passage in found for part in _judged(passage, pieces)]
        unfit = [SpokenPassage(0.0, 0.0, "", "", f"{timed.path.name} does not fit it", misfit)]
        if timed.keep and pieces is None:  # who speaks is not known
            return unfit
    if pieces is None:
        spans = recipe.segments.passages(regions, probability)
        return [*unfit, *(SpokenPassage(start, end, "", "") for start, end in spans)]
    found = unfit
    for wanted, group in groupby(pieces, key=lambda piece: piece.kind >= DOUBTFUL):
        if wanted:
            found += _wanted(list(group), recipe.segments, probability)
        else:
            found += _left_out(group)
    return found


def _by_voice(timed: TimedText, pieces: Sequence[SpeakerPiece]) -> TimedText:
    """A transcript that tells no speakers apart, told apart by voice, so that no sentence is joined
    with somebody else's: word by word where words have times, else segment by segment."""
    if timed.keep:
        return _strays_heard(timed, pieces)
    if len({word.speaker for word in timed.words}) > 1:
        return timed
    words: list[TimedWord] = []
    group: list[TimedWord] = []
    name = ""
    for word in timed.words:
        group.append(word)
        if not (word.closes or (word.end - word.start >= 0 and len(group) == 1)):
            continue
        times = [time for one in group for time in (one.start, one.end) if not math.isnan(time)]
        inside = _inside(pieces, min(times), max(times)) if times else []
        if inside:
            theirs = _seconds(piece for piece in inside if piece.kind >= DOUBTFUL)
            name = "" if theirs >= MOST * _seconds(inside) else OTHER_VOICE
        words += [one._replace(speaker=name) for one in group]
        group = []
    return replace(timed, words=(*words, *(one._replace(speaker=name) for one in group)))


def _strays_heard(timed: TimedText, pieces: Sequence[SpeakerPiece]) -> TimedText:
    """The transcript, in which words that it gives to another speaker in the midst of a sentence go
    to the sentence's speaker, unless the voice shows that they are the other one's."""
    words = list(timed.words)
    for sentence in sentences(timed.words, timed.stray):
        for first, stop in speaker_runs(timed.words, sentence.first, sentence.stop):
            inside = _inside(pieces, words[first].start, words[stop - 1].end)
            theirs = _seconds(piece for piece in inside if piece.kind >= DOUBTFUL)
            heard = theirs >= MOST * _seconds(inside)  # of the wanted one
            if not inside or heard == (sentence.speaker == timed.keep):
                said = [word._replace(speaker=sentence.speaker) for word in words[first:stop]]
                words[first:stop] = said
    return replace(timed, words=tuple(words), stray=0)


def _judged(passage: SpokenPassage, pieces: Sequence[SpeakerPiece]) -> Iterator[SpokenPassage]:
    """A sentence of a transcript, left out where most of it is not the wanted speaker's, else
    without what others say before and after it."""
    if passage.speaker == OTHER_VOICE:
        passage = passage._replace(speaker="")
    inside = _inside(pieces, passage.start, passage.end)
    if passage.fault or not inside:
        yield passage
        return
    theirs = [piece for piece in inside if piece.kind >= DOUBTFUL]
    if _seconds(theirs) < MOST * _seconds(inside):
        fault = next(_left_out(piece for piece in inside if piece.kind < DOUBTFUL))
        yield passage._replace(fault=fault.fault, value=fault.value)
        return
    first, last = theirs[0].start, theirs[-1].end
    before = [piece for piece in inside if piece.end <= first]
    after = [piece for piece in inside if piece.start >= last]
    start = first if 0 < _seconds(before) <= _BORDER else passage.start
    end = last if 0 < _seconds(after) <= _BORDER else passage.end
    if start > passage.start:
        yield from _left_out(before)
    measures = _measures(_inside(pieces, start, end))
    yield passage._replace(start=start, end=end, measures=measures)
    if end < passage.end:
        yield from _left_out(after)


def _inside(pieces: Sequence[SpeakerPiece], start: float, end: float) -> list[SpeakerPiece]:
    """The parts of pieces, which are in order, between two times."""
    first = bisect_right(pieces, start, key=lambda piece: piece.end)
    return [
        piece._replace(start=max(piece.start, start), end=min(piece.end, end))
        for piece in takewhile(lambda piece: piece.start < end, islice(pieces, first, None))
    ]


def _measures(pieces: Sequence[SpeakerPiece]) -> dict[str, float]:
    sure = _seconds(piece for piece in pieces if piece.kind == THEIRS)
    margin = min(piece.margin for piece in pieces)
    return {"voice_share": sure / _seconds(pieces), "voice_margin": margin}


def _wanted(
    pieces: Sequence[SpeakerPiece], segments: Segmentation, probability: np.ndarray
) -> Iterator[SpokenPassage]:
    spans = [(piece.start, piece.end) for piece in pieces]
    for start, end in segments.passages(spans, probability):
        measures = _measures(_inside(pieces, start, end))
        yield SpokenPassage(start, end, "", "", measures=measures)


def _left_out(pieces: Iterable[SpeakerPiece]) -> Iterator[SpokenPassage]:
    for kind, group in groupby(pieces, key=lambda piece: piece.kind):
        parts = list(group)
        start, end, value = parts[0].start, parts[-1].end, f"{_seconds(parts):.1f} s"
        if kind == TOGETHER:
            yield SpokenPassage(start, end, "", "", SEVERAL_VOICES, value)
        else:
            margin = sum(p.margin * (p.end - p.start) for p in parts) / _seconds(parts)
            nearer = f", cosine {-margin:.2f} nearer to another voice"
            value += nearer if margin < 0 else ", too short to tell whose it is"
            yield SpokenPassage(start, end, "", "", OTHER_VOICE, value)


def _seconds(pieces: Iterable[SpeakerPiece]) -> float:
    return sum(piece.end - piece.start for piece in pieces)


def by_speaker(left_out: Sequence[SpokenPassage]) -> list[Fault]:
    """The passages that give no clip; those of a speaker who is not wanted count
    together."""
    found, others = [], defaultdict(list)
    for passage in left_out:
        if passage.fault == OTHER_SPEAKER:
            others[passage.speaker].append(passage)
        else:
            found.append((passage.start, passage.end, passage.fault, passage.value))
    for name, passages in others.items():
        seconds = sum(passage.end - passage.start for passage in passages)
        value = f"{len(passages)} passages of {name or 'nobody by name'}, {seconds:.1f} s"
        found.append((passages[0].start, passages[-1].end, OTHER_SPEAKER, value))
    return found
