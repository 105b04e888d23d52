"""Speaks the lines of a batch file into one recording each, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.data.audio import content_hash, read_audio, require_file
from xttslab.data.audio_formats import encode
from xttslab.data.loudness import to_lufs
from xttslab.errors import UserError
from xttslab.files import append_line, write_atomically
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.voice import Speaking
from xttslab.speaking.batch_file import BatchFile, BatchLine, merged
from xttslab.speaking.lines import SpeechLine, SpokenLine
from xttslab.speaking.speaker import Speaker

GROUP = 16  # lines spoken before their files are written: what a stop can cost
LOSSLESS = (".wav", ".flac")
_WORK = ".say"  # folder within `out`: what was spoken, and lossless copies of lossy files


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is spoken where its file says nothing.

    Attributes:
        fixed: names of settings that the command line gave, which go before the file's own for
            all lines (not before those of a row).
        ending: of the files, ".wav" …
        category, recordings: what lines are spoken after; before the file's own for all lines.
        temperature: None: each category's best.
        joining: keep what is needed to join the lines without loss.
        lufs: loudness of each file, with `true_peak` (dBTP) as the ceiling of its peaks; None: as
            spoken.
        keep_going: speak what can be spoken where some rows cannot.
    """

    out: Path
    settings: Speaking
    fixed: frozenset[str]
    ending: str
    longest: int
    true_peak: float
    category: str = ""
    recordings: tuple[Path, ...] = ()
    temperature: float | None = None
    lufs: float | None = None
    joining: bool = False
    keep_going: bool = False


@dataclass(frozen=True)
class PlannedLine:
    """A line that can be spoken: `file` is where, `digest` stands for all that its sound and its
    file depend on."""

    line: BatchLine
    speech: SpeechLine
    file: Path
    digest: str


@dataclass(frozen=True)
class LineRecord:
    """What was written for a line: its digest, the file's hash, its length in seconds, and where
    each segment sounds in it."""

    digest: str
    content: str
    seconds: float
    segments: tuple[tuple[float, float], ...]


class LineRecords:
    """What a folder's files were made from, by name; kept in the folder, each record at once."""

    def __init__(self, out: Path) -> None:
        self.path = out / _WORK / "lines.jsonl"
        self._known: dict[str, LineRecord] = {}
        lines = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        for line in lines:
            try:
                values = json.loads(line)
                name, segments = values.pop("file"), values.pop("segments")
                segments = tuple((first, end) for first, end in segments)
                self._known[name] = LineRecord(**values, segments=segments)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # a line that a stop cut off: that recording is made again

    def get(self, name: str) -> LineRecord | None:
        """The record of a file; None where it was never written."""
        return self._known.get(name)

    def add(self, name: str, record: LineRecord) -> None:
        """Remember a file, on the disk before it is written."""
        self._known[name] = record
        append_line(self.path, json.dumps({"file": name, **asdict(record)}, ensure_ascii=False))


def plan_batch(
    speaker: Speaker, batch: BatchFile, options: BatchOptions
) -> tuple[list[PlannedLine], list[str], list[str]]:
    """The lines that this voice can speak, the faults of the others, and what to tell the person.

    Raises UserError where the file asks for another language than the voice's, and where the
    recordings that all lines are to be spoken after are missing and the voice has none of its own.
    """
    if batch.language and batch.language.split("-")[0].lower() != speaker.language:
        raise UserError(
            f"the batch is in {batch.language!r}, the voice speaks {speaker.language!r}; correct "
            "language in the file, or give language= with a base"
        )
    general, notes = _general(speaker, batch.general, options)
    weights = _weights_digest(speaker)
    planned, faults = [], list(batch.faults)
    for line in batch.lines:
        try:
            planned.append(_plan(speaker, merged(line, general), options, weights))
        except UserError as fault:
            faults.append(f"{line.place}: {fault}")
    return planned, faults, notes


def _general(
    speaker: Speaker, general: BatchLine, options: BatchOptions
) -> tuple[BatchLine, list[str]]:
    """What holds for all lines, the command line's before the file's."""
    changes = {name: value for name, value in general.changes.items() if name not in options.fixed}
    general = replace(general, changes=changes)
    if options.category or options.recordings:
        return replace(general, category=options.category, recordings=options.recordings), []
    missing = [path for path in general.recordings if not path.is_file()]
    if not missing:
        return general, []
    if not speaker.categories:
        raise UserError(f"{general.place}: {missing[0]}: no such audio file; correct references")
    named = ", ".join(str(path) for path in missing)
    found = tuple(path for path in general.recordings if path.is_file())
    after = "the others" if found else "the voice's own references"
    note = f"{general.place}: no such audio file: {named}; lines are spoken after {after}"
    return replace(general, recordings=found), [note]


def _plan(speaker: Speaker, line: BatchLine, options: BatchOptions, weights: str) -> PlannedLine:
    category = line.category if speaker.categories else ""
    recordings = line.recordings
    for path in recordings:
        require_file(path, "correct references")
    speaker.references.require(category, recordings)
    named = None if recordings else category
    temperature = line.changes.get("temperature", options.temperature)
    settings = _changed(options.settings, line.changes)
    settings = speaker.settings_for(named, settings, temperature)
    pause = line.pause_after or 0.0
    speech = SpeechLine(line.segments, settings, category, recordings, options.longest, pause)
    speaker.pace(speech)
    file = options.out / f"{line.id}{line.ending or options.ending}"
    return PlannedLine(line, speech, file, _digest(speaker, speech, options, weights))


def _changed(settings: Speaking, changes: Mapping[str, Any]) -> Speaking:
    own = {name: value for name, value in changes.items() if name in ("speed", "seed")}
    drawn = {name: value for name, value in changes.items() if name not in own}
    return replace(settings, **own, sampling=replace(settings.sampling, **drawn))


def _digest(speaker: Speaker, speech: SpeechLine, options: BatchOptions, weights: str) -> str:
    """SHA-256 of what a line's sound depends on."""
    pieces = speaker.pieces(speech.text, speech.longest)
    known = [
        weights,
        [asdict(piece) for piece in pieces],
        asdict(speech.settings),
        (speech.pause_after, options.lufs, options.true_peak),
        speaker.guard.takes if speaker.guard else 1,
        speaker.references.digest(speech.category, speech.recordings),
        *(["watermark"] if speaker.watermark else []),
    ]
    return hashlib.sha256(json.dumps(known, ensure_ascii=False).encode()).hexdigest()


def _weights_digest(speaker: Speaker) -> str:
    """SHA-256 of 256 values of every weight: another one for every voice that was trained on."""
    digest = hashlib.sha256()
    for module in (speaker.voice.gpt, speaker.voice.decoder):
        for weight in module.state_dict().values():
            values = weight.detach().flatten()
            values = values[:: max(1, len(values) // 256)]
            digest.update(values.float().cpu().numpy().tobytes())
    return digest.hexdigest()


def missing_lines(
    planned: Sequence[PlannedLine], options: BatchOptions
) -> tuple[list[PlannedLine], list[PlannedLine]]:
    """The lines that have no recording yet, or one of another text, voice or setting; and those
    whose recording a person changed, which is kept.

    Raises UserError for a file that is there and that no batch wrote.
    """
    records, missing, edited = LineRecords(options.out), [], []
    for one in planned:
        record = records.get(one.file.name)
        if not one.file.is_file():
            missing.append(one)
        elif record is None:
            raise UserError(
                f"{one.file}: exists and is not of this batch; name another folder with out=, or "
                "move it away"
            )
        elif content_hash(one.file) != record.content:
            edited.append(one)
        elif record.digest != one.digest:
            missing.append(one)
    return missing, edited


def speak_lines(
    speaker: Speaker, planned: Sequence[PlannedLine], options: BatchOptions
) -> Iterator[PlannedLine]:
    """Speak lines and write each into its file; yields those that are written, GROUP at a time."""
    records = LineRecords(options.out)
    alike = sorted(planned, key=lambda one: len(one.line.text))  # few wait for the longest
    for first in range(0, len(alike), GROUP):
        group = alike[first : first + GROUP]
        spoken = speaker.speak([one.speech for one in group], progress=False)
        for one, heard in zip(group, spoken, strict=True):
            _write(speaker, one, heard, options, records)
            yield one


def _write(
    speaker: Speaker,
    one: PlannedLine,
    heard: SpokenLine,
    options: BatchOptions,
    records: LineRecords,
) -> None:
    ending = one.file.suffix
    tags = speaker.origin.tags(one.line.id, one.speech.category)
    wave = heard.wave
    if options.lufs is not None:
        wave = to_lufs(wave, SPEECH_RATE, options.lufs, options.true_peak)
    content = encode(wave, SPEECH_RATE, ending, tags)
    if options.joining and ending not in LOSSLESS:
        write_atomically(_lossless(one.file), encode(wave, SPEECH_RATE, ".flac"))
    segments = tuple((a / SPEECH_RATE, b / SPEECH_RATE) for a, b in heard.segments)
    seconds = len(wave) / SPEECH_RATE
    digest = hashlib.sha256(content).hexdigest()
    records.add(one.file.name, LineRecord(one.digest, digest, seconds, segments))
    write_atomically(one.file, content)


def _lossless(file: Path) -> Path:
    return file.parent / _WORK / f"{file.name}.flac"


def spoken_wave(one: PlannedLine, records: LineRecords) -> np.ndarray:
    """A line as it is joined, (n,) at SPEECH_RATE: without loss where that is kept and the file is
    as it was written."""
    record, kept = records.get(one.file.name), _lossless(one.file)
    as_written = record is not None and content_hash(one.file) == record.content
    return read_audio(kept if as_written and kept.is_file() else one.file, SPEECH_RATE)
