"""Reads a table or a JSON file of lines to speak, and checks every row before a model is loaded."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xttslab.data.audio_formats import require_format
from xttslab.data.text_files import read_text
from xttslab.errors import UserError
from xttslab.files import require_legal_name
from xttslab.speaking.batch_values import (
    SETTINGS,
    is_unclosed,
    json_of,
    names_in,
    paths_in,
    pause_in,
    setting_in,
    text_in,
    true_in,
)
from xttslab.speaking.marks import Marked, read_marks

_SEPARATORS = "|;\t,"
_ALIASES = {
    "id": ("name", "filename", "file_name", "azonosító", "név"),
    "text": ("sentence", "transcript", "szöveg", "mondat"),
    "category": ("emotion", "style", "voice", "kategória", "érzelem"),
    "references": ("reference", "speaker_wav", "reference_audio", "referencia"),
    "pause_after": ("pause", "silence_after", "szünet"),
    "format": ("output_format", "ending", "formátum"),
    "speed": ("sebesség",),
}
_ROW = (*_ALIASES, *SETTINGS, "segments", "seed", "length_penalty")
_SEGMENT = ("text", "pause_after")
_GENERAL = ("format", "language", "multi_reference", "references", "category", "pause_after")
_PARAMETERS = (*SETTINGS, "length_penalty")
# What people note beside their lines: nothing that speaking could follow.
_NOTES = {"segmented", "type", "note", "notes", "comment", "title", "description", "metadata"}
_LISTS, _CONFIGS = ("samples", "lines", "items", "texts"), ("generation_config", "config")
LENGTH_PENALTY = (
    "length_penalty does nothing: it ranks the results of a beam search, and XTTS draws its codes "
    "one by one; how long speech takes is set by speed or pace"
)


@dataclass(frozen=True)
class BatchLine:
    """One row: `place` names it in messages; `changes` are settings of its own, by the names of
    `batch_values.SETTINGS`. `pause_after` None and `ending` "": as for all lines."""

    place: str
    id: str
    segments: tuple[Marked, ...]
    category: str = ""
    recordings: tuple[Path, ...] = ()
    pause_after: float | None = None
    ending: str = ""
    changes: Mapping[str, float] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """What is written in each segment, in one line and without its marks."""
        shown = (" ".join(part.text for part in read_marks(one.text)) for one in self.segments)
        return [" ".join(text.split()) for text in shown]

    @property
    def text(self) -> str:
        """What is written in all segments."""
        return " ".join(filter(None, self.texts))


@dataclass
class BatchFile:
    """The lines of a file in order, what it says of all of them, the faults of rows that cannot be
    spoken, and notes for the person."""

    lines: list[BatchLine] = field(default_factory=list)
    general: BatchLine = field(default_factory=lambda: BatchLine("", "", ()))
    language: str = ""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_batch(path: Path) -> BatchFile:
    """Read a CSV (any usual separator, with a header), JSON or JSON Lines file.

    Raises UserError for a file that is none of them, that has no lines, or whose general settings
    are wrong; what is wrong with one row becomes one of its `faults`.
    """
    content = read_text(path)
    if not content.strip():
        raise UserError(f"{path}: the file is empty; it needs rows of id|text or JSON samples")
    found = BatchFile()
    if content.lstrip()[0] in "{[":
        rows = _json_rows(path, content, found)
    else:
        rows = _csv_rows(path, content)
    _add_lines(path, rows, found)
    if not found.lines and not found.faults:
        raise UserError(f"{path}: has no lines to speak")
    return found


def require_all(faults: Sequence[str], keep_going: bool) -> None:
    """Tell every fault where the rest is to be spoken all the same, else raise the first."""
    if keep_going:
        for fault in faults:
            print(f"left out: {fault}")
    elif faults:
        more = f" ({len(faults) - 1} more like it)" if len(faults) > 1 else ""
        raise UserError(f"{faults[0]}{more}; keep_going=true speaks the other lines")


def _csv_rows(path: Path, content: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = content.split("\n")
    first = next(number for number, line in enumerate(lines) if line.strip())
    for separator in _SEPARATORS:
        names = [_known(cell) for cell in next(csv.reader([lines[first]], delimiter=separator))]
        if "text" in names:
            break
    else:
        shown = lines[first].strip()[:60]
        raise UserError(
            f"{path}: the first line {shown!r} is no header with a column text; write "
            "id|text|category|pause_after"
        )
    begun = first + 2
    reader = csv.reader((f"{line}\n" for line in lines[first + 1 :]), delimiter=separator)
    for cells in reader:
        read = lines[begun - 1 : first + 1 + reader.line_num]
        place, begun = f"{path.name} line {begun}", first + 2 + reader.line_num
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if is_unclosed(read, separator):
            yield place, {"fault": 'its quotation mark " is never closed; close it, or take it out'}
        elif any(cells[len(names) :]):
            fault = f"more cells than the header has; put a text with {separator!r} into quotes"
            yield place, {"fault": fault}
        else:
            yield place, {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _json_rows(
    path: Path, content: str, found: BatchFile
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    samples = json_of(path, content)
    if isinstance(samples, dict):
        config = next((samples[key] for key in _CONFIGS if key in samples), {})
        named = [key for key in _LISTS if isinstance(samples.get(key), list)]
        if not named:
            raise UserError(f"{path}: holds no list named {' or '.join(_LISTS)}; add samples")
        if not isinstance(config, dict):
            raise UserError(f"{path}: generation_config is no object of settings; correct it")
        _read_general(path, config, found)
        samples = samples[named[0]]
    for number, sample in enumerate(samples, 1):
        row = {"text": sample} if isinstance(sample, str) else sample
        if not isinstance(row, dict):
            yield f"{path.name} sample {number}", {"fault": "is no object of id and text"}
            continue
        row = {_known(key): value for key, value in row.items() if value is not None}
        named = f" {row['id']!r}" if row.get("id") else ""
        yield f"{path.name} sample {number}{named}", row


def _read_general(path: Path, config: Mapping[str, Any], found: BatchFile) -> None:
    """What the file says of all its lines."""
    config = {_known(key): value for key, value in config.items() if value is not None}
    parameters = config.pop("parameters", {})
    if not isinstance(parameters, dict):
        raise UserError(f"{path}: parameters is no object of settings; correct it")
    values = config | parameters
    place = f"{path.name} generation_config"
    _check_keys(place, values, (*_GENERAL, *_PARAMETERS, "seed"), found)
    found.language = str(values.get("language", ""))
    try:
        recordings = paths_in(values.get("references"), path.parent)
        if "multi_reference" in values and not true_in("multi_reference", values):
            recordings = recordings[:1]
        found.general = BatchLine(
            place,
            "",
            (),
            names_in("category", values),
            recordings,
            pause_in(values),
            _ending(values),
            _changes(values, found),
        )
    except UserError as fault:
        raise UserError(f"{place}: {fault}") from fault


def _add_lines(path: Path, rows: Iterable[tuple[str, Mapping[str, Any]]], found: BatchFile) -> None:
    taken: dict[str, str] = {}
    for number, (place, row) in enumerate(rows, 1):
        try:
            line = _line(path, place, number, row, found)
            if first := taken.get(line.id.casefold()):
                raise UserError(f"id {line.id!r} is that of {first} too; give each line its own")
            taken[line.id.casefold()] = place
            found.lines.append(line)
        except UserError as fault:
            found.faults.append(f"{place}: {fault}")


def _line(
    path: Path, place: str, number: int, row: Mapping[str, Any], found: BatchFile
) -> BatchLine:
    if "fault" in row:
        raise UserError(row["fault"])
    _check_keys(place, row, _ROW, found)
    name = text_in("id", row) or f"{number:03}"
    require_legal_name(name, "id", "line")
    return BatchLine(
        place,
        name,
        _segments(row, place, found),
        names_in("category", row),
        paths_in(row.get("references"), path.parent),
        pause_in(row),
        _ending(row),
        _changes(row, found),
    )


def _segments(row: Mapping[str, Any], place: str, found: BatchFile) -> tuple[Marked, ...]:
    """The texts of a row with the pauses after them; raises UserError for marks that are none."""
    parts = row.get("segments")
    if parts and row.get("text"):
        raise UserError("has both text and segments; keep one of the two")
    if parts is not None and (not isinstance(parts, list) or not parts):
        raise UserError("segments is no list of texts; correct it or write text")
    segments = []
    for part in parts or [{"text": text_in("text", row)}]:
        part = {"text": part} if isinstance(part, str) else part
        if not isinstance(part, dict):
            raise UserError(f"segment {part!r} is no object with a text; correct it")
        part = {_known(key): value for key, value in part.items() if value is not None}
        _check_keys(place, part, _SEGMENT, found)
        segments.append(Marked(text_in("text", part), pause_in(part)))
    if not any(part.text for part in segments):
        raise UserError("has no text to say; write one, or take the row out")
    for part in segments:
        read_marks(part.text)
    return tuple(segments)


def _changes(values: Mapping[str, Any], found: BatchFile) -> dict[str, float]:
    if "length_penalty" in values and LENGTH_PENALTY not in found.notes:
        found.notes.append(LENGTH_PENALTY)
    return {name: setting_in(name, values[name]) for name in SETTINGS if name in values}


def _ending(values: Mapping[str, Any]) -> str:
    name = text_in("format", values).lower().lstrip(".")
    if name:
        require_format(f"format.{name}")
    return f".{name}" if name else ""


def _known(name: str) -> str:
    """Our name of a key or a column, where we know what is meant."""
    plain = "_".join(str(name).strip().lower().split())
    return next((ours for ours, others in _ALIASES.items() if plain in others), plain)


def _check_keys(
    place: str, values: Mapping[str, Any], known: Sequence[str], found: BatchFile
) -> None:
    """Raise UserError for a key that looks like a mistyped one; note those that are others'."""
    for key in values:
        if key in known or key in _NOTES or key.startswith("_"):
            continue
        if near := difflib.get_close_matches(key, known, 1, cutoff=0.75):
            raise UserError(f"unknown key {key!r}; did you mean {near[0]}?")
        listed = ", ".join(sorted(set(known)))
        note = f"unknown key {key!r} is not looked at (first in {place}); there are {listed}"
        if not any(one.startswith(f"unknown key {key!r}") for one in found.notes):
            found.notes.append(note)


def merged(line: BatchLine, general: BatchLine) -> BatchLine:
    """The line with what holds for all where it says nothing itself."""
    own_voice = line.category or line.recordings
    return replace(
        line,
        category=line.category if own_voice else general.category,
        recordings=line.recordings if own_voice else general.recordings,
        pause_after=general.pause_after if line.pause_after is None else line.pause_after,
        ending=line.ending or general.ending,
        changes={**general.changes, **line.changes},
    )
