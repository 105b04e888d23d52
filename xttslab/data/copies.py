"""Finds recordings and sentences that stand twice, within one data set or across several.

Sound is compared by landmarks, which are pairs of peaks of the spectrogram (Wang, "An
Industrial-Strength Audio Search Algorithm", ISMIR 2003): copies share many of them at one offset,
however they were cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from xttslab.data.audio import read_audio
from xttslab.data.manifest import EVAL, TRAIN, Clip, Rejection
from xttslab.data.preparing.folder import ClipJournal
from xttslab.text.hungarian import letters

_PEAK_FFT, _PEAK_HOP = 1_024, 256
_PEAK_WINDOW = np.hanning(_PEAK_FFT).astype(np.float32)
_BINS = 256  # up to 5.5 kHz, where speech has its strong partials
_AROUND = (25, 21)  # frames and bins within which a peak is the highest
_LOWEST = 1e-5  # of the loudest point's power
_FAN = 6  # later peaks that a peak is paired with
_REACH = 200  # frames between the two
_BIN_STEP, _FRAME_STEP = 2, 4  # coarse enough that another cut falls on the same numbers
_LEAST_VOTES = 8  # landmarks that agree on one offset
# Two clips that overlap for less than half a second may have one syllable in common, whose
# landmarks agree by half: so many times as much has to agree then.
_SHORT, _MORE = 11, 1.6  # steps of frames, factor
_COMMON = 256  # a landmark that stands at more places tells nothing, and would cost the most
_BLOCK = 1 << 19  # landmarks compared at once: 4 MB for each of their numbers
_OFFSETS = 1 << 16  # more than the frame steps of two clips


@dataclass(frozen=True)
class CopyPair:
    """Two clips, by position, of which `share` of the landmarks agree where they overlap."""

    first: int
    second: int
    share: float


def peaks(samples: np.ndarray) -> np.ndarray:
    """Highest points of the spectrogram of (n,) samples: int16 (peaks, 2) of frame and bin."""
    padded = np.pad(samples, (0, max(0, _PEAK_FFT - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _PEAK_FFT)[::_PEAK_HOP]
    spectrum = np.fft.rfft(windows * _PEAK_WINDOW, axis=1)[:, :_BINS]
    power = np.square(np.abs(spectrum)).astype(np.float32)
    highest = (power == maximum_filter(power, _AROUND)) & (power > power.max() * _LOWEST)
    return np.argwhere(highest).astype(np.int16)


def same_audio(clips: Sequence[np.ndarray], least_agreement: float) -> list[CopyPair]:
    """All pairs of clips (each given by its peaks) that hold the same recording, or a part of it.

    `least_agreement`: the number of landmarks that agree, times their share where the two overlap.
    Few that are nearly all count like many that are few, as noise and a new cut leave them. Under
    half a second more has to agree.
    """
    marks = [_landmarks(clip) for clip in clips]
    sizes = [len(codes) for codes, _ in marks]
    if len(clips) < 2 or not sum(sizes):
        return []
    owners = np.repeat(np.arange(len(clips), dtype=np.int32), sizes)
    codes, times = (np.concatenate(parts) for parts in zip(*marks, strict=True))
    order = np.argsort(codes, kind="stable")  # within a code: by clip
    places = [np.sort(mark_times) for _, mark_times in marks]
    found = []
    for first, second, offset, votes in _agreements(codes[order], times[order], owners[order]):
        most, steps = _overlap(places[first], places[second], offset)
        share = min(1.0, votes / most)
        if votes * share >= least_agreement * (_MORE if steps < _SHORT else 1.0):
            found.append(CopyPair(first, second, share))
    return sorted(found, key=lambda pair: (pair.first, pair.second))


def _landmarks(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(codes, times) of a clip, int32 each: every peak with its next neighbours."""
    frames, bins = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64) // _BIN_STEP
    rows = [np.zeros((0, 2), np.int64)]
    for step in range(1, min(_FAN, len(found) - 1) + 1):
        apart = frames[step:] - frames[:-step]
        near = (apart > 0) & (apart <= _REACH)
        code = (bins[:-step] << 16) | (bins[step:] << 8) | (apart // _FRAME_STEP)
        rows.append(np.stack([code[near], frames[:-step][near] // _FRAME_STEP], axis=1))
    unique = np.unique(np.concatenate(rows), axis=0).astype(np.int32)
    return unique[:, 0], unique[:, 1]


def _agreements(
    codes: np.ndarray, times: np.ndarray, owners: np.ndarray
) -> Iterator[tuple[int, int, int, int]]:
    """(first clip, second clip, offset, votes) for every pair of which enough landmarks agree on
    the offset of the second to the first; the three arrays are sorted by code, then by clip."""
    _, firsts, sizes = np.unique(codes, return_index=True, return_counts=True)
    starts = np.repeat(firsts.astype(np.int32), sizes)
    rank = np.arange(len(codes), dtype=np.int32) - starts  # earlier places with the same code
    rank[np.repeat(sizes > _COMMON, sizes)] = 0
    by_clip = np.argsort(owners, kind="stable")
    ends = np.cumsum(rank[by_clip])
    clip_ends = np.flatnonzero(np.diff(owners[by_clip], append=-1)) + 1  # a clip in one block
    start = 0
    while start < len(by_clip):
        done = ends[start - 1] if start else 0
        whole = clip_ends[(clip_ends > start)]
        inside = whole[ends[whole - 1] - done <= _BLOCK]
        stop = int(inside[-1] if len(inside) else whole[0])
        yield from _votes(by_clip[start:stop], rank, starts, times, owners)
        start = stop


def _votes(
    rows: np.ndarray, rank: np.ndarray, starts: np.ndarray, times: np.ndarray, owners: np.ndarray
) -> Iterator[tuple[int, int, int, int]]:
    """The agreements of the landmarks `rows`, which are those of whole clips, with all earlier
    clips. A copy that is shifted by half a frame step votes for two neighbouring offsets."""
    counts = rank[rows]
    second = np.repeat(rows, counts)
    before = np.concatenate(([0], np.cumsum(counts)[:-1]))
    first = np.repeat(starts[rows] - before, counts) + np.arange(len(second))
    other = owners[first] != owners[second]
    first, second = first[other], second[other]
    offset = times[second].astype(np.int64) - times[first] + _OFFSETS // 2
    one, two = (owners[places].astype(np.int64) for places in (first, second))
    packed = (one << 40) | (two << 16) | offset
    values, votes = np.unique(packed, return_counts=True)
    neighbours = np.flatnonzero(np.diff(values) == 1)
    votes[neighbours] += votes[neighbours + 1].copy()
    enough = votes >= _LEAST_VOTES
    best: dict[int, tuple[int, int]] = {}
    for value, count in zip(values[enough].tolist(), votes[enough].tolist(), strict=True):
        best[value >> 16] = max(best.get(value >> 16, (0, 0)), (count, value % _OFFSETS))
    for pair, (count, place) in best.items():
        yield pair >> 24, pair & 0xFFFFFF, place - _OFFSETS // 2, count


def _overlap(first: np.ndarray, second: np.ndarray, offset: int) -> tuple[int, int]:
    """Landmarks of the clip with the fewer ones in the time that both hold, and that time in steps
    of frames; both arrays are sorted times, and `offset` is how much later a sound stands in the
    second clip."""
    low = max(first[0], second[0] - offset) - 1
    high = min(first[-1], second[-1] - offset) + 1
    inside = [
        int(np.searchsorted(times, end, side="right") - np.searchsorted(times, start, side="left"))
        for times, start, end in ((first, low, high), (second, low + offset, high + offset))
    ]
    return max(min(inside), 1), int(high - low)


def copies_across_sets(
    files: Sequence[tuple[Clip, str, float]], least_agreement: float
) -> dict[int, Rejection]:
    """The clips of several sets that must not be trained on, by row, with the reason.

    Left out is a training clip whose recording or sentence another set holds out; and of one
    recording that two sets train on, the shorter clip. `files`: every clip with its content's hash
    and its seconds.
    """
    clips = [clip for clip, _, _ in files]
    if len({clip.source for clip in clips}) < 2:
        return {}
    prints = [_known_peaks(clip, content) for clip, content, _ in files]
    found: dict[int, Rejection] = {}
    twice = []
    for pair in same_audio(prints, least_agreement):
        one, two = clips[pair.first], clips[pair.second]
        if one.source == two.source:
            continue
        splits = (one.split, two.split)
        if splits == (TRAIN, TRAIN):
            twice.append(pair)
        elif EVAL in splits and TRAIN in splits:
            row, twin = (pair.first, two) if one.split == TRAIN else (pair.second, one)
            what = f"{twin.id} ({pair.share:.0%} of the landmarks)"
            found[row] = Rejection(str(clips[row].audio), HELD_OUT_SOUND, what)
    for row, twin in _held_out_texts(clips).items():
        found.setdefault(row, Rejection(str(clips[row].audio), HELD_OUT_TEXT, twin.id))
    for pair in twice:
        if not {pair.first, pair.second} & set(found):
            first_is_shorter = files[pair.first][2] < files[pair.second][2]
            row, other = (pair.first, pair.second)[:: 1 if first_is_shorter else -1]
            what = f"{clips[other].id} ({pair.share:.0%} of the landmarks)"
            found[row] = Rejection(str(clips[row].audio), TRAINED_TWICE, what)
    return found


HELD_OUT_SOUND = "another set holds this recording out"
HELD_OUT_TEXT = "another set holds this sentence out"
TRAINED_TWICE = "another set trains on this recording"


def _held_out_texts(clips: Sequence[Clip]) -> dict[int, Clip]:
    """Training rows whose text, up to case and punctuation, another set holds out."""
    spoken = [letters(clip.text, clip.language) for clip in clips]
    held: dict[str, list[Clip]] = {}
    for clip, text in zip(clips, spoken, strict=True):
        if clip.split == EVAL and text:
            held.setdefault(text, []).append(clip)
    found = {}
    for row, (clip, text) in enumerate(zip(clips, spoken, strict=True)):
        twins = [twin for twin in held.get(text, ()) if twin.source != clip.source]
        if clip.split == TRAIN and twins:
            found[row] = twins[0]
    return found


def _known_peaks(clip: Clip, content: str) -> np.ndarray:
    """The peaks that were kept when the clip was prepared; of any other file they are looked for.

    Raises AudioFault for a file that cannot be read.
    """
    journal = ClipJournal(clip.audio.parents[1] / ".prepare" / "clips")
    record = journal.load(clip.audio.stem)
    if record is not None and record.digest == content and "peaks" in record.features:
        return record.features["peaks"]
    return peaks(read_audio(clip.audio))
