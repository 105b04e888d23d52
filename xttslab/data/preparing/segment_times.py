"""Finds the times of a transcript's words in the sound, where it gives those of segments alone.

The phones of a recording are learnt from its own segments (see `phones`); then the words of each
segment, with the nearest of its neighbours', are aligned with the sound around it. That also shows
whether the words are those of the sound: those of another recording fit it no better than any.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, read_span
from xttslab.data.parallel import run_all
from xttslab.data.preparing.phones import (
    SOUND_HZ,
    PhoneModels,
    best_paths,
    learn_phones,
    observations,
    phones_of,
    sound_frames,
)
from xttslab.data.preparing.timed_texts import TimedText, TimedWord
from xttslab.data.preparing.voice_activity import FRAME_SECONDS

_FEWEST = 6  # segments from which phones are learnt
_LEAST_S = 30.0  # seconds of them
_STRETCH_S, _PAUSE_S = 6.0, 1.0  # seconds that are learnt from at once, and of a pause inside
_EDGE_S = 0.15  # sound beside a segment that is learnt from with it
_STRAY_S, _UNLIKELY = 0.3, 1.0  # seconds by which segments' times are off; nats a frame beyond
_AROUND_S = 2.0  # sound beside a segment and its neighbours in which its words are looked for
_NEIGHBOURS = 12  # letters of the neighbours' nearest words that are aligned, too
_LARGEST = 12e6  # states times frames that are aligned at once
_SAMPLE = 150  # segments from which phones are learnt
_CHUNK_S = 600.0
_BETTER = 0.5  # nats a frame: 0.8 to 2 where a transcript is right, -0.1 to 0.2 where it is not


class _Segment(NamedTuple):
    """Words `first` to `stop` of a transcript, which lie between two times, in seconds."""

    first: int
    stop: int
    start: float
    end: float


@dataclass(frozen=True)
class TimesTask:
    """A decoded recording with its transcript in `language`, if it has one, and (frames,) its
    probability of speech every 32 ms."""

    decoded: Path
    seconds: float
    timed: TimedText | None
    language: str
    probability: np.ndarray


def with_word_times(tasks: Sequence[TimesTask], workers: int) -> list[TimedText | None]:
    """The transcript of each recording, with the times of its words."""
    open_ones = [task for task in tasks if task.timed is not None and not task.timed.exact]
    found = iter(run_all(find_times, open_ones, workers, "find words") if open_ones else ())
    return [t.timed if t.timed is None or t.timed.exact else next(found) for t in tasks]


def find_times(task: TimesTask) -> TimedText | None:
    """The transcript of one recording, with the times of its words."""
    return None if task.timed is None else aligned_words(task.timed, task.language, _sound(task))


def aligned_words(timed: TimedText, language: str, sound: np.ndarray) -> TimedText:
    """A transcript with the times of its words, from the `sound_frames` of the whole recording; or
    with what shows that it does not fit; as it is where it is too short to tell, or in a script
    with a sign for each word."""
    words = timed.words
    phones = [[p for _, ps in phones_of(w.text, language) for p in ps] for w in words]
    segments = [one for one in _segments(words) if any(phones[one.first : one.stop])]
    names = {phone for word in phones for phone in word}
    seconds = sum(one.end - one.start for one in segments)
    if len(segments) < _FEWEST or seconds < max(_LEAST_S, len(names)):
        return timed
    known = [
        (_between(sound, one.start - _EDGE_S, one.end + _EDGE_S), phones[one.first : one.stop])
        for one in _stretches(segments)
    ]
    known = known[:: -(-len(known) // _SAMPLE)]
    misfit = _misfit(known, names)
    if misfit:
        return replace(timed, misfit=misfit)
    models = learn_phones(known, names)
    found = list(words)
    for place, one in enumerate(segments):
        times = _aligned(models, sound, phones, segments, place)
        if times is not None:
            for row, (start, end) in zip(range(one.first, one.stop), times, strict=True):
                found[row] = words[row]._replace(start=start, end=end)
    return replace(timed, words=tuple(found))


def _segments(words: Sequence[TimedWord]) -> Iterator[_Segment]:
    first = 0
    for row, word in enumerate(words):
        if word.closes or row + 1 == len(words):
            start, end = words[first].start, word.end
            if not math.isnan(start) and not math.isnan(end) and end > start:
                yield _Segment(first, row + 1, start, end)
            first = row + 1


def _stretches(segments: Sequence[_Segment]) -> list[_Segment]:
    """Segments that follow each other at once, joined to some seconds: of a short one much would
    be the edges, at which it is not sure what is heard."""
    found: list[_Segment] = []
    for one in segments:
        last = found[-1] if found else None
        follows = last is not None and one.first == last.stop and one.start < last.end + _PAUSE_S
        if last is not None and follows and last.end - last.start < _STRETCH_S:
            found[-1] = _Segment(last.first, one.stop, last.start, max(last.end, one.end))
        else:
            found.append(one)
    return found


def _sound(task: TimesTask) -> np.ndarray:
    """The `sound_frames` of the whole recording."""
    parts = []
    for start in np.arange(0.0, task.seconds, _CHUNK_S):
        end = min(start + _CHUNK_S, task.seconds)
        samples = read_span(task.decoded, start, end)
        low, high = int(start / FRAME_SECONDS), math.ceil(end / FRAME_SECONDS)
        part = sound_frames(samples, SAMPLE_RATE, task.probability[low:high] >= 0.5)
        missing = round((end - start) * SOUND_HZ) - len(part)
        parts.append(np.pad(part, ((0, max(missing, 0)), (0, 0)), mode="edge"))
    return np.concatenate(parts)


def _between(sound: np.ndarray, start: float, end: float) -> np.ndarray:
    return sound[max(round(start * SOUND_HZ), 0) : round(end * SOUND_HZ)]


def _misfit(known: Sequence[tuple[np.ndarray, Sequence[Sequence[str]]]], names: set[str]) -> str:
    """What shows that words are not those of the sound: with phones learnt from every second
    stretch, the words of the others explain their own sound no better than each other's."""
    own, others = _fits(known, names)
    if own - others >= _BETTER:
        return ""
    gain = f"{own - others:+.2f} nats a frame"
    return f"its words fit the sound no better than other words of the same length ({gain})"


def _fits(
    known: Sequence[tuple[np.ndarray, Sequence[Sequence[str]]]], names: set[str]
) -> tuple[float, float]:
    """By how many nats a frame words explain their own sound, and those of about the same length
    explain it."""
    models, rest = learn_phones(known[::2], names), known[1::2]
    chains = [models.chain(words) for _, words in rest]
    sizes = np.array([len(chain.states) for chain in chains])
    gained, frames = np.zeros(2), 0
    for place, (sound, _) in enumerate(rest):
        apart = np.abs(sizes - sizes[place]) + np.where(np.arange(len(rest)) == place, 1e9, 0.0)
        pair = chains[place], chains[int(np.argmin(apart))]
        if 2 * len(sound) > max(len(chain.states) for chain in pair) + 2:
            heard = observations(sound)
            paths = [best_paths(models.costs(heard, chain.states)) for chain in pair]
            gained -= [float(one[-2:, -1].min()) for one in paths]
            frames += len(sound)
    own, others = gained / max(frames, 1)
    return float(own), float(others)


def _aligned(
    models: PhoneModels,
    sound: np.ndarray,
    phones: Sequence[Sequence[str]],
    segments: Sequence[_Segment],
    place: int,
) -> list[tuple[float, float]] | None:
    """Start and end of each word of a segment in seconds, NaN for one without a sound."""
    one, before, after = segments[place], place - 1, place + 1
    low, high, rows = one.start, one.end, list(range(one.first, one.stop))
    if before >= 0:
        low = min(low, segments[before].end)
        rows = _nearest(phones, range(one.first - 1, segments[before].first - 1, -1))[::-1] + rows
    if after < len(segments):
        high = max(high, segments[after].start)
        rows += _nearest(phones, range(one.stop, segments[after].stop))
    first = max(round((low - _AROUND_S) * SOUND_HZ), 0)
    heard = sound[first : round((high + _AROUND_S) * SOUND_HZ)]
    spoken = [row for row in rows if phones[row]]
    chain = models.chain([phones[row] for row in spoken])
    if not 0 < len(heard) * len(chain.states) < _LARGEST or 2 * len(heard) <= len(chain.states):
        return None
    begins = np.append(0, chain.ends[:-1]) + 1
    own = [place for place, row in enumerate(spoken) if one.first <= row < one.stop]
    states = int(begins[own[0]]), int(chain.ends[own[-1]])
    off = _away(one, states, (len(chain.states), len(heard)), first)
    path = models.align(observations(heard), chain, off)
    if path is None:
        return None
    times = dict.fromkeys(rows, (math.nan, math.nan))
    for row, begin, end in zip(spoken, begins, chain.ends, strict=True):
        inside = np.flatnonzero((path >= begin) & (path < end))
        if len(inside):
            start, end = first + int(inside[0]), first + int(inside[-1]) + 1
            times[row] = (start / SOUND_HZ, end / SOUND_HZ)
    return [times[row] for row in range(one.first, one.stop)]


def _away(one: _Segment, own: tuple[int, int], shape: tuple[int, int], first: int) -> np.ndarray:
    """Nats by which states are unlikely at frames, (states, frames): those of the segment, `own`,
    away from its times, and its neighbours' inside them; frame 0 is `first` of the recording."""
    clock = (first + np.arange(shape[1])) / SOUND_HZ
    found = np.zeros(shape)
    outside = (clock < one.start - _STRAY_S) | (clock > one.end + _STRAY_S)
    found[own[0] : own[1], outside] = _UNLIKELY
    found[: own[0], clock > one.start + _STRAY_S] = _UNLIKELY
    found[own[1] :, clock < one.end - _STRAY_S] = _UNLIKELY
    return found


def _nearest(phones: Sequence[Sequence[str]], rows: range) -> list[int]:
    """The first of `rows` that have enough sounds together."""
    found, count = [], 0
    for row in rows:
        if count >= _NEIGHBOURS:
            break
        found.append(row)
        count += len(phones[row])
    return found
