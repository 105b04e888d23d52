"""Joins spoken lines into one recording, with a cue sheet and subtitles of where each sounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.model.decoder import SPEECH_RATE
from xttslab.speaking.batch import LineRecords, PlannedLine, spoken_wave
from xttslab.speaking.joining import join_with_spans, sounding

COLUMNS = ("id", "start", "end", "category", "text", "file")


@dataclass(frozen=True)
class Cue:
    """Where a line sounds in the joined recording, in seconds, and its segments as (start, end,
    text)."""

    line: PlannedLine
    start: float
    end: float
    segments: tuple[tuple[float, float, str], ...]


def sheets_of(joined: Path) -> tuple[Path, Path]:
    """Where the cue sheet and the subtitles of a joined recording go."""
    return joined.with_name(f"{joined.stem}_cues.csv"), joined.with_suffix(".srt")


def join_lines(
    planned: Sequence[PlannedLine], out: Path, pause: float
) -> tuple[np.ndarray, list[Cue]]:
    """The lines in their order as one wave (n,) at SPEECH_RATE, each followed by its pause, or by
    `pause` seconds where it gives none; and where they sound.

    Levels are brought together as `joining.join` does. Raises UserError where a line is missing.
    """
    records = LineRecords(out)
    for one in planned:
        if not one.file.is_file():
            raise UserError(f"{one.file}: is missing, so the lines cannot be joined; say it again")
    waves = [spoken_wave(one, records) for one in planned]
    pauses = [pause if one.line.pause_after is None else one.line.pause_after for one in planned]
    pauses[-1] = planned[-1].line.pause_after or 0.0
    joined, spans = join_with_spans(waves, pauses, SPEECH_RATE)
    cues = []
    for one, wave, (first, end) in zip(planned, waves, spans, strict=True):
        shift = (first - sounding(wave, SPEECH_RATE)[0]) / SPEECH_RATE
        record = records.get(one.file.name)
        texts = one.line.texts
        spoken = record.segments if record and len(record.segments) == len(texts) else ()
        segments = tuple(
            (a + shift, b + shift, text)
            for (a, b), text in zip(spoken, texts, strict=False)
            if text and b > a
        )
        start, stop = first / SPEECH_RATE, end / SPEECH_RATE
        cues.append(Cue(one, start, stop, segments or ((start, stop, one.line.text),)))
    return joined, cues


def write_cues(cues: Sequence[Cue], joined: Path) -> None:
    """Write the cue sheet (CSV, seconds) and the subtitles (SRT, an entry a segment)."""
    import pysubs2

    sheet, subtitles = sheets_of(joined)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cue in cues:
        line = cue.line.line
        place = (f"{cue.start:.3f}", f"{cue.end:.3f}")
        writer.writerow((line.id, *place, line.category, line.text, cue.line.file.name))
    write_atomically(sheet, buffer.getvalue())
    events = pysubs2.SSAFile()
    for start, end, text in (part for cue in cues for part in cue.segments):
        event = pysubs2.SSAEvent(start=round(1000 * start), end=round(1000 * end))
        event.plaintext = text
        events.append(event)
    write_atomically(subtitles, events.to_string("srt"))
