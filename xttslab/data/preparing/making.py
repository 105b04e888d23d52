"""Makes the clips of a source, and goes on where an interrupted preparation stopped.

Decoded audio takes 88 kB a second until its recording is done. A finished recording leaves a list
of its clips, and is not opened a second time.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, AudioFault
from xttslab.data.manifest import Rejection
from xttslab.data.parallel import run_all
from xttslab.data.preparing.clip_maker import ClipMaker, ClipTask, judge_clips, make_clip
from xttslab.data.preparing.decoding import inspect
from xttslab.data.preparing.finishing import RECIPE_VERSION, Recipe, Unusable
from xttslab.data.preparing.folder import Names, Record, key_of
from xttslab.data.preparing.passages import Fault, by_speaker
from xttslab.data.preparing.recordings import (
    CHUNK_SECONDS,
    Decoded,
    DecodeTask,
    DetectTask,
    SegmentTask,
    decode,
    detect_speech,
    loud_without_speech,
    make_segments,
    plan_segments,
    segment_tasks,
)
from xttslab.data.preparing.segment_times import TimesTask, with_word_times
from xttslab.data.preparing.sources import Item
from xttslab.data.preparing.speaker_search import SpeakerPiece
from xttslab.data.preparing.timed_texts import TimedText
from xttslab.data.preparing.transcript_fit import why_unfit
from xttslab.data.preparing.wanted_speaker import SpokenRecording
from xttslab.errors import UserError
from xttslab.files import remove, write_atomically

_BYTES_PER_SECOND = SAMPLE_RATE * (4 + 2)  # decoded to float, then clips of 16 bit


@dataclass(frozen=True)
class Recording:
    """A long file, the record of the whole that its clips' records are made from, and its
    transcript with times in `language`, if it has one."""

    audio: Path
    blank: Record
    timed: TimedText | None = None
    language: str = ""


def segment_recordings(
    recordings: Sequence[Recording], maker: ClipMaker, workers: int
) -> list[Record]:
    """Divide recordings into clips; records in the order of the recordings, then of time.

    Raises UserError when the disk is too small for them.
    """
    lists = {rec.blank.name: _known_clips(rec, maker) for rec in recordings}
    open_ones = [rec for rec in recordings if lists[rec.blank.name] is None]
    if open_ones:
        _require_space(open_ones, maker.folder)
        _segment_open(open_ones, maker, workers, lists)
    return [record for rec in recordings for record in lists[rec.blank.name] or ()]


def _segment_open(
    recordings: Sequence[Recording],
    maker: ClipMaker,
    workers: int,
    lists: dict[str, list[Record] | None],
) -> None:
    folder = maker.folder / ".prepare" / "decoded"
    tasks = [DecodeTask(rec.audio, rec.blank.origin_digest, folder) for rec in recordings]
    whole: list[tuple[Recording, Decoded]] = []
    for rec, result in zip(recordings, run_all(decode, tasks, workers, "decode"), strict=True):
        if isinstance(result, AudioFault):
            lists[rec.blank.name] = [maker.reject(maker.keyed(rec.blank), result)]
        else:
            whole.append((rec, result))
    detected = list(_detected(whole, workers))
    asked = [
        TimesTask(decoded.path, decoded.seconds, rec.timed, rec.language, found[:, 0])
        for (rec, decoded), found in zip(whole, detected, strict=True)
    ]
    timed = with_word_times(asked, workers)
    pieces = _who_speaks(whole, detected, maker, workers)
    segments: list[SegmentTask] = []
    for (rec, decoded), found, text, spoken in zip(whole, detected, timed, pieces, strict=True):
        planned, left_out = plan_segments(rec.blank, found, maker.recipe, text, spoken)
        segments += segment_tasks(decoded, planned, maker)
        faults = [*_unused(decoded, found, maker), *by_speaker(left_out)]
        lists[rec.blank.name] = _rejected(rec.blank, faults, maker)
    for records in run_all(make_segments, segments, workers, "clips"):
        known = lists[records[0].base]
        lists[records[0].base] = [*(known or ()), *records]
    for rec, _ in whole:
        _finish(rec, lists[rec.blank.name] or [], maker)


def _detected(whole: Sequence[tuple[Recording, Decoded]], workers: int) -> Iterator[np.ndarray]:
    """What `detect_speech` gives, of each whole recording: (frames, 2)."""
    tasks = [
        DetectTask(decoded.path, index, decoded.gain)
        for _, decoded in whole
        for index in range(max(1, int(np.ceil(decoded.seconds / CHUNK_SECONDS))))
    ]
    pairs = zip(tasks, run_all(detect_speech, tasks, workers, "find speech"), strict=True)
    for _, chunks in groupby(pairs, key=lambda pair: pair[0].decoded):
        yield np.concatenate([found for _, found in chunks])


def _who_speaks(
    whole: Sequence[tuple[Recording, Decoded]],
    detected: Sequence[np.ndarray],
    maker: ClipMaker,
    workers: int,
) -> Sequence[Sequence[SpeakerPiece] | None]:
    """The speech of each recording by who speaks; None where it is not told by voice."""
    if maker.wanted is None:
        return [None] * len(whole)
    speech, recordings = maker.recipe.speech, []
    for (rec, decoded), found in zip(whole, detected, strict=True):
        fits = rec.timed is not None and why_unfit(rec.timed, found, speech) is None
        named = rec.timed.named() if rec.timed and fits else ()
        recordings.append(SpokenRecording(decoded.path, speech.regions(found[:, 0]), named))
    return maker.wanted.speech_in(recordings, maker.folder / ".prepare", workers)


def _unused(decoded: Decoded, detected: np.ndarray, maker: ClipMaker) -> list[Fault]:
    """The parts in which nobody speaks: loud sound of another kind, a missing end."""
    found = []
    if not maker.recipe.speech.regions(detected[:, 0]):
        found.append((0.0, decoded.seconds, "no speech is heard", f"{decoded.seconds:.2f} s"))
    for start, end in loud_without_speech(detected):
        what = "loud sound without speech (music, laughter, applause)"
        found.append((start, end, what, f"{end - start:.1f} s"))
    if decoded.truncated:
        what = "the file is cut off: its header promises more"
        found.append((decoded.seconds, decoded.seconds, what, f"{decoded.seconds:.1f} s are left"))
    return found


def _rejected(blank: Record, faults: Sequence[Fault], maker: ClipMaker) -> list[Record]:
    """A record of each part of a recording that gives no clip."""
    records, names = [], Counter[str]()
    for start, end, what, value in faults:
        name = f"{blank.base}-{round(start * 1000):08d}-unused"
        names[name] += 1
        name += str(names[name]) if names[name] > 1 else ""
        keyed = maker.keyed(replace(blank, name=name, start=start, end=end))
        records.append(maker.reject(keyed, Unusable(what, value)))
    return records


def _list_file(rec: Recording, maker: ClipMaker) -> Path:
    recipe, wanted = maker.recipe, maker.wanted
    parts = [*([rec.timed] if rec.timed else ()), *([wanted.search] if wanted else ())]
    key = key_of(RECIPE_VERSION, recipe, *parts)
    name = f"{rec.blank.origin_digest[:16]}-{key[:16]}.json"
    return maker.folder / ".prepare" / "recordings" / name


def _known_clips(rec: Recording, maker: ClipMaker) -> list[Record] | None:
    """The clips of a recording that was finished before; None where one is missing."""
    path = _list_file(rec, maker)
    if not path.is_file():
        return None
    names = json.loads(path.read_text(encoding="utf-8"))
    records = [maker.journal.load(name) for name in names]
    complete = [
        record
        for record in records
        if record and (record.reason or maker.target(record.name).is_file())
    ]
    return complete if len(complete) == len(names) else None


def _finish(rec: Recording, records: Sequence[Record], maker: ClipMaker) -> None:
    names = [record.name for record in records]
    write_atomically(_list_file(rec, maker), json.dumps(names).encode())
    for path in (maker.folder / ".prepare" / "decoded").glob(f"{rec.blank.origin_digest}.*"):
        remove(path)


def _require_space(recordings: Sequence[Recording], folder: Path) -> None:
    seconds = 0.0
    for rec in recordings:
        try:
            seconds += inspect(rec.audio).seconds
        except AudioFault:
            continue
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = seconds * _BYTES_PER_SECOND, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: {seconds / 60:.1f} min of recordings need {needed / 1e6:.0f} MB while they "
            f"are cut, {free / 1e6:.0f} MB are free; free some space or choose another data_dir"
        )


@dataclass(frozen=True)
class Made:
    """An item and the records of its clips, in order; one record for an item that is a clip."""

    item: Item
    records: tuple[Record, ...]


def make_clips(
    source: Path, items: Sequence[Item], maker: ClipMaker, workers: int, segment_long: bool
) -> tuple[list[Made], list[Rejection]]:
    """Make every clip of a source, in parallel; clips that are there already are left alone.

    `segment_long`: clips longer than training can use are divided like recordings. A recording with
    its text that is short enough to be a clip is one, so that its text needs no sharing out. Files
    whose content is in the set already are rejected.
    """
    stored = {record.name: record for record in maker.journal}
    blanks, copies = _blanks(str(source.resolve()), items, stored)
    recordings, tasks = [], []
    for item, blank in blanks:
        if _is_segmented(item, maker.recipe, segment_long):
            language = item.clip.language
            recordings.append(Recording(item.clip.audio, blank, item.transcript, language))
        else:
            tasks.append(ClipTask(item.clip.audio, blank, maker))
    records = judge_clips(list(run_all(make_clip, tasks, workers, "clips")), maker)
    records += segment_recordings(recordings, maker, workers)
    _forget_others(records, stored, maker)
    by_base: dict[str, list[Record]] = {blank.base: [] for _, blank in blanks}
    for record in records:
        by_base[record.base].append(record)
    return [Made(item, tuple(by_base[blank.base])) for item, blank in blanks], copies


def _is_segmented(item: Item, recipe: Recipe, segment_long: bool) -> bool:
    """Whether a file is divided, at its pauses or by its transcript."""
    if item.transcript is not None:
        several = len(item.transcript.speakers()) > 1
        return several or _seconds(item.clip.audio) > recipe.segments.max_s
    if item.recording and not item.clip.text:
        return True
    if not item.recording and not segment_long:
        return False
    longest = recipe.segments.max_s if item.recording and segment_long else recipe.max_seconds
    return _seconds(item.clip.audio) > longest


def _blanks(
    source: str, items: Sequence[Item], stored: Mapping[str, Record]
) -> tuple[list[tuple[Item, Record]], list[Rejection]]:
    """Each item with its name in an empty record; items whose content came before are left out."""
    names, blanks, copies = Names(stored.values()), [], []
    taken = {record.origin_digest: record.base for record in stored.values()}
    for item in items:
        base = names.claim(source, item.origin, item.digest)
        first = taken.setdefault(item.digest, base)
        if first != base:
            reason = "the same file is in the set already"
            copies.append(Rejection(item.origin, reason, first))
            continue
        blanks.append((item, Record(base, base, source, item.origin, item.digest)))
    return blanks, copies


def _forget_others(
    records: Sequence[Record], stored: Mapping[str, Record], maker: ClipMaker
) -> None:
    """Remove clips that a recording no longer gives, since it is divided elsewhere now."""
    names = {record.name for record in records}
    bases = {record.base for record in records}
    for record in stored.values():
        if record.base in bases and record.name not in names:
            remove(maker.target(record.name))
            maker.journal.forget(record.name)


def _seconds(audio: Path) -> float:
    try:
        return inspect(audio).seconds
    except AudioFault:
        return 0.0  # the worker says what is wrong with it
