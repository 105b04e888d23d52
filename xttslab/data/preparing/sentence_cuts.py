"""Cuts a recording at the ends of its transcript's sentences, each moved to a pause in the sound.

Times of words are near but seldom exact; where only segments have times those of the words are
estimated by their letters over the speech that is heard. So all ends of sentences are looked for
together among the pauses around them, by dynamic programming: a pause divides one pair only.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from xttslab.data.audio import true_runs
from xttslab.data.preparing.timed_texts import TimedSentence, TimedText, TimedWord, sentences
from xttslab.data.preparing.voice_activity import FRAME_SECONDS, Segmentation, Span, SpeechFinder

OTHER_SPEAKER = "spoken by somebody else than keep_speaker"
_QUIET = 10**-2.5  # of the speech's power: no voice
_EXACT = 0.12  # seconds: how far times of words are usually off
_ESTIMATED = 0.2  # the same of a time that was estimated, and …
_GROWS = 0.12  # … by how much of the distance to the next known time it grows
_LONG_PAUSE = 0.5  # seconds, beyond which a pause is no likelier to end a sentence
_PAUSE_GAIN = 3.0  # cost of dividing where no pause is
_REACH = 4.0  # standard deviations around an estimate in which a pause is looked for
_MOST = 24  # pauses that are compared for one end
_STRAY = 0.35  # seconds that a word's sound may lie outside its time
_OVERLAP = 0.2  # seconds of two people at once that errors of their times explain
_CLAUSE = re.compile(r"[,;:–—]$")


class SpokenPassage(NamedTuple):
    """What becomes a clip: seconds of a recording, its words and who says them; `fault` and `value`
    tell why it becomes none, `measures` go into its record."""

    start: float
    end: float
    text: str
    speaker: str
    fault: str = ""
    value: str = ""
    measures: Mapping[str, float] = MappingProxyType({})


@dataclass
class _Unit:
    """A sentence, or a clause of a long one: its words, its times as the transcript has them and as
    they are heard (NaN before that), and how uncertain its start is."""

    sentence: TimedSentence
    start: float
    end: float
    spread: float
    text: str
    opens: bool  # a sentence begins with it
    heard: Span = (math.nan, math.nan)
    overlap: str = ""
    value: str = ""


def cut_sentences(
    timed: TimedText, detected: np.ndarray, speech: SpeechFinder, lengths: Segmentation
) -> list[SpokenPassage]:
    """The passages of a recording by its transcript, in order.

    `detected` (frames, 2): probability of speech and power of every 32 ms, as `detect_speech`
    gives them. Short sentences join a neighbour of their speaker, long ones end at a clause's end.
    """
    probability, power = detected.T
    regions = speech.regions(probability)
    quiet = _quiet(probability, power, speech.leave)
    words, spread = _timed_words(timed.words, quiet)
    units = _units(timed, words, spread, lengths.max_s)
    _mark_overlaps(units)
    cuts = _cuts(units, quiet, power)  # what two say at once bounds what is said before and after
    _hear(units, cuts, regions, len(probability) * FRAME_SECONDS)
    return sorted(_passages(timed, units, lengths), key=lambda passage: passage.start)


def _quiet(probability: np.ndarray, power: np.ndarray, leave: float) -> np.ndarray:
    """Whether nobody speaks, (frames,) bool."""
    heard = power[probability >= 0.5]
    level = float(np.mean(heard)) if len(heard) else 0.0
    return (probability < leave) | (power < _QUIET * level)


def _timed_words(
    words: Sequence[TimedWord], quiet: np.ndarray
) -> tuple[list[TimedWord], np.ndarray]:
    """Words with all times, (n,) standard deviations of their starts in seconds. Unknown times lie
    between known ones as the letters lie in the speech that is heard there."""
    spoken = np.concatenate(([0.0], np.cumsum(~quiet))) * FRAME_SECONDS
    clock = np.arange(len(spoken)) * FRAME_SECONDS
    # A pause still takes a hundredth of its time, so that the way back is unique.
    warped = spoken + 0.01 * clock
    letters = np.array([sum(map(str.isalnum, w.text)) + 1 for w in words], float)
    ends = np.cumsum(letters)
    known: list[tuple[float, float]] = []  # letters before, seconds
    for word, until, size in zip(words, ends, letters, strict=True):
        for place, time in ((until - size, word.start), (until, word.end)):
            if not math.isnan(time) and (not known or time >= known[-1][1]):
                known.append((place, time))
    places, times = np.array(known).T if known else (np.zeros(1), np.zeros(1))
    at = np.interp(times, clock, warped)
    guess = np.interp(np.interp(np.stack([ends - letters, ends]), places, at), warped, clock)
    nearest = _distance(np.interp(ends - letters, places, times), times)
    starts = np.array([w.start for w in words])
    stops = np.array([w.end for w in words])
    spread = np.where(np.isnan(starts), _ESTIMATED + _GROWS * nearest, _EXACT)
    starts, stops = (
        np.where(np.isnan(t), g, t) for t, g in zip((starts, stops), guess, strict=True)
    )
    pairs = zip(words, starts.tolist(), stops.tolist(), strict=True)
    return [word._replace(start=a, end=max(a, b)) for word, a, b in pairs], spread


def _distance(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How far each place is from the nearest known one."""
    known = np.sort(known)
    right = np.clip(np.searchsorted(known, places), 0, len(known) - 1)
    left = np.maximum(right - 1, 0)
    return np.minimum(np.abs(known[right] - places), np.abs(places - known[left]))


def _units(
    timed: TimedText, words: Sequence[TimedWord], spread: np.ndarray, longest: float
) -> list[_Unit]:
    found = []
    for sentence in _with_known_ends(timed, words, longest):
        parts = [(sentence.first, sentence.stop)]
        if words[sentence.stop - 1].end - words[sentence.first].start > longest:
            parts = list(_clauses(words, sentence))
        for first, stop in parts:
            text = " ".join(word.text for word in words[first:stop])
            part = TimedSentence(first, stop, sentence.speaker)
            start, end = words[first].start, max(word.end for word in words[first:stop])
            opens = first == sentence.first
            found.append(_Unit(part, start, end, float(spread[first]), text, opens))
    return sorted(found, key=lambda unit: unit.start)


def _with_known_ends(
    timed: TimedText, words: Sequence[TimedWord], longest: float
) -> list[TimedSentence]:
    """The sentences; up to `longest` seconds those stay together between which the transcript gives
    no time: where it gives one, the cut is sure."""
    found: list[TimedSentence] = []
    for sentence in sentences(timed.words, timed.stray):
        first, stop = found[-1][:2] if found else (0, 0)
        times = (timed.words[stop - 1].end, timed.words[stop].start) if stop else (0.0,)
        short = words[sentence.stop - 1].end - words[first].start <= longest
        if short and all(map(math.isnan, times)) and found[-1].speaker == sentence.speaker:
            found[-1] = sentence._replace(first=first)
        else:
            found.append(sentence)
    return found


def _clauses(words: Sequence[TimedWord], sentence: TimedSentence) -> Iterator[tuple[int, int]]:
    """Where a long sentence may be divided: after a comma and the like, or at a pause that its
    words' times show."""
    first = sentence.first
    for index in range(sentence.first, sentence.stop):
        last = index + 1 == sentence.stop
        pause = 0.0 if last else words[index + 1].start - words[index].end
        if last or _CLAUSE.search(words[index].text) or pause >= 2 * _EXACT:
            yield first, index + 1
            first = index + 1


def _mark_overlaps(units: Sequence[_Unit]) -> None:
    """Mark what two people say at once."""
    before: list[_Unit] = []
    for unit in units:
        before = [other for other in before if other.end - _OVERLAP > unit.start]
        for other in before:
            shared = min(other.end, unit.end) - unit.start
            if other.sentence.speaker == unit.sentence.speaker or shared <= _OVERLAP:
                continue
            for one, name in ((unit, other.sentence.speaker), (other, unit.sentence.speaker)):
                one.overlap = f"{name or 'somebody else'} speaks at the same time"
                one.value = f"{shared:.1f} s"
        before.append(unit)


def _cuts(units: Sequence[_Unit], quiet: np.ndarray, power: np.ndarray) -> list[Span]:
    """The pause between every two neighbouring units, (start, end) in seconds; empty where they
    follow each other without one."""
    pauses = true_runs(quiet) * FRAME_SECONDS
    costs, places = [], []
    for unit, following in itertools.pairwise(units):
        low, high = sorted((unit.end, following.start))
        around = _REACH * following.spread
        near = (pauses[:, 1] > low - around) & (pauses[:, 0] < high + around)
        options = [tuple(pause) for pause in pauses[near].tolist()]
        options.append(_dip(power, low, high))
        pairs = sorted((_cost(option, low, high, following.spread), option) for option in options)
        pairs = sorted(pairs[:_MOST], key=lambda pair: pair[1])
        costs.append(np.array([cost for cost, _ in pairs]))
        places.append([option for _, option in pairs])
    return _cheapest(costs, places)


def _dip(power: np.ndarray, low: float, high: float) -> Span:
    """The quietest moment around a boundary without a pause."""
    first = max(int((low - _EXACT) / FRAME_SECONDS), 0)
    last = max(int((high + _EXACT) / FRAME_SECONDS) + 1, first + 1)
    part = power[first:last]
    place = first + int(np.argmin(part)) if len(part) else first
    middle = (place + 0.5) * FRAME_SECONDS
    return middle, middle


def _cost(pause: Span, low: float, high: float, spread: float) -> float:
    """Prefers pauses near to where the transcript has the boundary, and long ones."""
    away = max(0.0, pause[0] - high, low - pause[1])
    short = 1.0 - min((pause[1] - pause[0]) / _LONG_PAUSE, 1.0)
    return 0.5 * (away / spread) ** 2 + _PAUSE_GAIN * short


def _cheapest(costs: Sequence[np.ndarray], places: Sequence[Sequence[Span]]) -> list[Span]:
    """One place for every boundary, each after the one before, at the least cost."""
    if not costs:
        return []
    total, back = [costs[0]], []
    for place in range(1, len(costs)):
        before = np.array([span[1] for span in places[place - 1]])
        here = np.array([span[0] for span in places[place]])
        allowed = before[None, :] < here[:, None]  # two in one pause leave no sentence between
        reached = np.where(allowed, total[-1][None, :], total[-1][None, :] + 1e6)
        back.append(np.argmin(reached, axis=1))
        total.append(costs[place] + np.min(reached, axis=1))
    index = int(np.argmin(total[-1]))
    chosen = [places[-1][index]]
    for place in range(len(costs) - 2, -1, -1):
        index = int(back[place][index])
        chosen.append(places[place][index])
    return chosen[::-1]


def _hear(
    units: Sequence[_Unit], cuts: Sequence[Span], regions: Sequence[Span], length: float
) -> None:
    """Set where each unit is heard: the speech between its cuts that its words can be."""
    starts = np.array([a for a, _ in regions])
    stops = np.array([b for _, b in regions])
    lows = [0.0, *(b for _, b in cuts)]
    highs = [*(a for a, _ in cuts), length]
    for unit, low, high in zip(units, lows, highs, strict=True):
        stray = _STRAY + 2 * (unit.spread - _EXACT)
        near = (starts < min(high, unit.end + stray)) & (stops > max(low, unit.start - stray))
        rows = np.flatnonzero(near)
        if len(rows) and high > low:
            unit.heard = max(low, starts[rows[0]]), min(high, stops[rows[-1]])


def _passages(
    timed: TimedText, units: Sequence[_Unit], lengths: Segmentation
) -> Iterator[SpokenPassage]:
    """Join short sentences and divide long ones, within what one person says in a row."""
    turn: list[_Unit] = []
    for unit in units:
        silent = math.isnan(unit.heard[0]) and not unit.overlap
        if turn and (unit.overlap or silent or unit.sentence.speaker != turn[0].sentence.speaker):
            yield from _turn(timed, turn, lengths)
            turn = []
        if silent:
            value = f"{unit.start:.1f} to {unit.end:.1f} s: {unit.text[:40]}"
            unit = replace(unit, overlap="no speech is heard where its words are", value=value)
        if unit.overlap:
            span = unit.start, unit.end
            yield SpokenPassage(*span, unit.text, unit.sentence.speaker, unit.overlap, unit.value)
        else:
            turn.append(unit)
    yield from _turn(timed, turn, lengths)


def _turn(
    timed: TimedText, units: Sequence[_Unit], lengths: Segmentation
) -> Iterator[SpokenPassage]:
    groups: list[list[Span]] = []
    for unit in units:
        if unit.opens or not groups:
            groups.append([])
        groups[-1].append(unit.heard)
    done = 0
    for part in lengths.grouped(groups):
        text = " ".join(unit.text for unit in units[done : done + len(part)])
        done += len(part)
        speaker = units[0].sentence.speaker
        fault = OTHER_SPEAKER if timed.keep and speaker != timed.keep else ""
        yield SpokenPassage(part[0][0], part[-1][1], text, speaker, fault)
