"""Decodes long recordings, detects the speech in them and divides them into clips.

A recording is decoded once to a plain file, then processed in chunks of ten minutes, in parallel
and in memory that does not depend on its length. The result of each step is kept on disk.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile as sf

from xttslab.data.audio import SAMPLE_RATE, AudioFault, read_span, true_runs
from xttslab.data.preparing.clip_maker import ClipMaker
from xttslab.data.preparing.decoding import Stream
from xttslab.data.preparing.finishing import RECIPE_VERSION, Passage, Recipe
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.passages import SpokenPassage, divide
from xttslab.data.preparing.speaker_search import SpeakerPiece
from xttslab.data.preparing.spectrum import foreign_frames, frame_power
from xttslab.data.preparing.timed_texts import TimedText
from xttslab.data.preparing.voice_activity import (
    FRAME_SECONDS,
    detector_gain,
    speech_probability,
)
from xttslab.errors import UserError
from xttslab.files import replacing, write_atomically

CHUNK_SECONDS = 600.0
_WARM_UP = 3.2  # seconds that the detector hears before a chunk counts; whole frames
_LEAST_FOREIGN = 1.0  # seconds of other sound worth a line
_CONTEXT = 0.5  # seconds of pause that a passage brings along, at most half of it


@dataclass(frozen=True)
class Decoded:
    """A recording as a mono float file at 22,050 Hz, what was changed and seen on the way, and the
    gain that the search for speech needs."""

    path: Path
    seconds: float
    changes: tuple[tuple[str, str], ...]
    clipped: tuple[tuple[float, float], ...]
    truncated: bool
    gain: float


@dataclass(frozen=True)
class DecodeTask:
    """A recording to be decoded into `folder` under the name of its content."""

    audio: Path
    digest: str
    folder: Path

    @property
    def target(self) -> Path:
        """The decoded file."""
        return self.folder / f"{self.digest}.{RECIPE_VERSION}.wav"


def decode(task: DecodeTask) -> Decoded | AudioFault:
    """Decode a recording, unless that was done before; a fault of the file is returned."""
    facts_file = task.target.with_suffix(".json")
    if facts_file.is_file() and task.target.is_file():
        stored = json.loads(facts_file.read_text(encoding="utf-8"))
        pairs = {name: tuple((a, b) for a, b in stored[name]) for name in ("changes", "clipped")}
        return Decoded(**stored | pairs | {"path": task.target})
    try:
        stream = Stream(task.audio)
        seconds, gain = _write_stream(stream, task.target)
    except AudioFault as fault:
        return fault
    seen = tuple(stream.clipped), stream.truncated
    done = Decoded(task.target, seconds, stream.changes, *seen, gain)
    write_atomically(facts_file, json.dumps(asdict(done) | {"path": ""}).encode())
    return done


def _write_stream(stream: Stream, target: Path) -> tuple[float, float]:
    """Write what `stream` gives; its length in seconds, and its `detector_gain`."""
    samples, layout = 0, (SAMPLE_RATE, 1, "FLOAT", None, "RF64")

    def written(file: sf.SoundFile) -> Iterator[np.ndarray]:
        nonlocal samples
        for block in stream:
            file.write(block)
            samples += len(block)
            yield block

    try:
        with replacing(target) as partial, sf.SoundFile(partial, "w", *layout) as file:
            gain = detector_gain(written(file))
    except (OSError, sf.LibsndfileError) as fault:
        raise UserError(f"{target}: cannot be written ({fault}); free some space") from fault
    return samples / SAMPLE_RATE, gain


@dataclass(frozen=True)
class DetectTask:
    """Chunk number `index` of a decoded recording, to be searched for speech with the gain of the
    whole."""

    decoded: Path
    index: int
    gain: float

    @property
    def target(self) -> Path:
        """Where the probabilities of the chunk are kept."""
        return self.decoded.with_suffix(f".{self.index:04d}.npy")


def detect_speech(task: DetectTask) -> np.ndarray:
    """Probability of speech and mean square per 32 ms of one chunk, float32 (frames, 2), kept on
    disk."""
    if task.target.is_file():
        return np.load(task.target)
    before = min(_WARM_UP, task.index * CHUNK_SECONDS)
    start = task.index * CHUNK_SECONDS - before
    samples = read_span(task.decoded, start, start + before + CHUNK_SECONDS)
    probability = speech_probability(samples, gain=task.gain)
    power = frame_power(samples, len(probability))
    both = np.stack([probability, power.astype(np.float32)], axis=1)
    found = both[round(before / FRAME_SECONDS) :]
    buffer = io.BytesIO()
    np.save(buffer, found)
    write_atomically(task.target, buffer.getvalue())
    return found


@dataclass(frozen=True)
class Segment:
    """One passage of a recording: its record, still to be made, its window and the speech in it."""

    blank: Record
    window: tuple[float, float]
    regions: tuple[tuple[float, float], ...]
    probability: np.ndarray


@dataclass(frozen=True)
class SegmentTask:
    """Neighbouring passages of one recording, to be made into clips."""

    decoded: Decoded
    segments: tuple[Segment, ...]
    maker: ClipMaker


def segment_tasks(
    decoded: Decoded, planned: Sequence[Segment], maker: ClipMaker
) -> list[SegmentTask]:
    """Planned passages of a recording, chunk by chunk, with what is clipped near them."""
    tasks = []
    for _, group in groupby(planned, key=lambda segment: int(segment.window[0] / CHUNK_SECONDS)):
        segments = tuple(group)
        low, high = segments[0].window[0], segments[-1].window[1]
        near = tuple((a, b) for a, b in decoded.clipped if b > low and a < high)
        tasks.append(SegmentTask(replace(decoded, clipped=near), segments, maker))
    return tasks


def make_segments(task: SegmentTask) -> list[Record]:
    """Make the clips of some passages, except those that were made before."""
    maker, records = task.maker, []
    for segment in task.segments:
        keyed = maker.keyed(segment.blank)
        known = maker.known(keyed)
        if known is None:
            samples = read_span(task.decoded.path, *segment.window)
            passage = Passage(samples, segment.regions, segment.probability)
            clipped = list(task.decoded.clipped)
            known = maker.make(keyed, passage, segment.window[0], clipped, task.decoded.changes)
        records.append(known)
    return records


def loud_without_speech(detected: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of at least a second, in seconds, in which something other than speech is loud
    (music, laughter, applause); `detected` (frames, 2) as `detect_speech` gives it."""
    probability, power = detected.T
    speech = probability >= 0.5
    if not speech.any():
        return []
    spans = true_runs(foreign_frames(probability, power, power[speech].mean())) * FRAME_SECONDS
    return [(float(a), float(b)) for a, b in spans if b - a >= _LEAST_FOREIGN]


def plan_segments(
    blank: Record,
    detected: np.ndarray,
    recipe: Recipe,
    timed: TimedText | None = None,
    pieces: Sequence[SpeakerPiece] | None = None,
) -> tuple[list[Segment], list[SpokenPassage]]:
    """The passages of a recording that become clips, and those that do not.

    `blank` is the record of the whole, `detected` (frames, 2) what `detect_speech` gives, `timed`
    its transcript with times; `pieces` say who speaks when, None where everybody is wanted.
    """
    probability = detected[:, 0]
    regions = recipe.speech.regions(probability)
    passages = divide(detected, regions, recipe, timed, pieces)
    if pieces is not None:
        regions = [(piece.start, piece.end) for piece in pieces]
    whole = len(probability) * FRAME_SECONDS
    segments, before, crowded = [], 0.0, False
    for index, passage in enumerate(passages):
        start, end = passage.start, passage.end
        after = passages[index + 1].start if index + 1 < len(passages) else whole
        low = max(start - _CONTEXT, (min(before, start) + start) / 2)
        high = min(end + _CONTEXT, (end + max(after, end)) / 2)
        # Whole frames, of which none may begin in what somebody else says.
        first = (math.ceil if crowded else math.floor)(low / FRAME_SECONDS)
        before, crowded = max(before, end), bool(passage.fault)
        if passage.fault:
            continue
        window = (first * FRAME_SECONDS, high)
        begin = max(start, window[0])
        inside = [(max(a, begin), min(b, end)) for a, b in regions if b > begin and a < end]
        segments.append(
            Segment(
                _named(blank, passage, timed),
                window,
                tuple((a - window[0], b - window[0]) for a, b in inside),
                probability[first : int(np.ceil(high / FRAME_SECONDS))],
            )
        )
    return segments, [passage for passage in passages if passage.fault]


def _named(blank: Record, passage: SpokenPassage, timed: TimedText | None) -> Record:
    name = f"{blank.name}-{round(passage.start * 1000):08d}"
    place = {"start": passage.start, "end": passage.end}
    record = replace(blank, name=name, measures=dict(passage.measures), **place)
    if timed is None or not passage.text:
        return record
    said = {"text": passage.text, "speaker": passage.speaker, "transcript": timed.path.name}
    return replace(record, **said)
