"""Reads the rows of a file that lists clips: a table with or without a header, or JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from xttslab.data.columns import AUDIO, IGNORED, RAW, TEXT, ColumnsUnclear, columns_by_content
from xttslab.data.json_rows import ENDINGS, JsonRow, NotAList, read_json_rows
from xttslab.data.text_files import TextLine, read_lines
from xttslab.errors import UserError

COLUMNS = (AUDIO, TEXT, "speaker_name", "category", "language", "split", "source")
REQUIRED = COLUMNS[:3]
_SEPARATORS = "|;\t,"
_SHOWN = 60  # characters of a bad line that its rejection shows
# What else the columns are called, in lower case with _ for spaces; the first that is there counts.
_ALIASES = {
    AUDIO: (
        "file_name", "filename", "audio_path", "audio_filepath", "wav_path", "wav_file",
        "wav_filename", "file_path", "filepath", "path", "file", "audio", "wav", "basename", "clip",
        "recording", "audio_name", "wav_name", "sound", "fname", "uri", "hangfájl", "hangfajl",
        "fájlnév", "fajlnev", "fájl", "fajl", "utterance_id", "utt_id", "clip_id", "id",
    ),
    TEXT: (
        "transcription", "transcript", "sentence", "normalized_text", "normalised_text",
        "characters", "raw_text", "utterance", "text_normalized", "transcript_text", "content",
        "szöveg", "szoveg", "mondat", "átirat", "atirat",
    ),
    "speaker_name": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "beszélő", "beszelo"),
    "category": (
        "emotion_name", "emotion", "style", "mood", "kategória", "kategoria", "érzelem", "erzelem",
        "hangulat",
    ),
    "language": ("lang", "language_id", "language_code", "lang_id", "locale", "nyelv"),
}  # fmt: skip


@dataclass(frozen=True)
class MetadataRow:
    """One row: its place in the file, such as "line 3" (the first of several), and its cells by
    column name. A row with a `fault` cannot be used, `value` shows it, and its cells are not to be
    trusted."""

    place: str
    values: dict[str, str]
    fault: str = ""
    value: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a file in order; its columns that are none of COLUMNS, as a person knows them;
    and which of its columns, by their own names, were taken for which of COLUMNS."""

    rows: tuple[MetadataRow, ...]
    others: tuple[str, ...] = ()
    meaning: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Record:
    """The cells of one row of the file, which a quoted cell may spread over several lines."""

    line: int
    cells: list[str]
    text: str
    fault: str


def read_rows(path: Path) -> Table:
    """Read one file that lists clips.

    A row with more or fewer cells than there are columns gets a fault, except that of two columns
    the text may hold the separator, and that empty cells at the end do not count. Raises UserError
    for an empty file, a missing column, for one without a header whose columns are not clear, and
    for JSON that is not whole or lists no clips (NotAList).
    """
    if path.suffix.lower() in ENDINGS:
        return _from_json(path, *read_json_rows(path))
    lines = read_lines(path)
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        raise UserError(f"{path}: the file is empty; it needs a header {'|'.join(REQUIRED)}")
    header = _header(first.text)
    if header:
        names, separator = header
        records = _records([line for line in lines if line.number > first.number], *header)
        rows = [_row(record, names, separator) for record in records]
        written = [cell.strip() for cell in _cells(first.text, separator)]
        return _table(rows, written, names)
    _refuse_half_a_header(path, first.text)
    return _without_header(path, lines, first.text)


def _table(rows: Sequence[MetadataRow], written: Sequence[str], names: Sequence[str]) -> Table:
    """A table of rows whose columns are called `written` in the file and `names` here."""
    others = tuple(name for name in names if name not in COLUMNS)
    meaning = [(own, name) for own, name in zip(written, names, strict=True) if name in COLUMNS]
    return Table(tuple(rows), others, tuple(meaning))


def _from_json(path: Path, entries: Sequence[JsonRow], unit: str) -> Table:
    keys = list(dict.fromkeys(key for entry in entries for key in entry.values))
    names = _column_names(keys)
    for wanted in (AUDIO, TEXT):
        if wanted not in names:
            shown = ", ".join(keys[:8]) or "none"
            raise NotAList(f"{path}: lists no clips: {wanted} is missing; its keys are {shown}")
    ours = dict(zip(keys, names, strict=True))
    rows = [
        MetadataRow(
            f"{unit} {entry.number}",
            {name: entry.values.get(key, "") for key, name in ours.items()},
            entry.fault,
            entry.value,
        )
        for entry in entries
    ]
    return _table(rows, keys, names)


def _header(line: str) -> tuple[list[str], str] | None:
    """The column names and what separates them; None where the line is no header."""
    for separator in _SEPARATORS:
        names = _column_names(_cells(line, separator))
        if AUDIO in names and TEXT in names:
            return names, separator
    return None


def _column_names(cells: Sequence[str]) -> list[str]:
    """Our names of the columns where we know them, else their own."""
    names = ["_".join(cell.lower().split()) for cell in cells]
    for ours, aliases in _ALIASES.items():
        alias = next((alias for alias in aliases if alias in names), None)
        if alias is not None and ours not in names:
            names[names.index(alias)] = ours
    return names


def _refuse_half_a_header(path: Path, line: str) -> None:
    """Raise UserError where the first line names one of the two columns that are needed."""
    for separator in _SEPARATORS:
        cells = _cells(line, separator)
        names = _column_names(cells)
        if (AUDIO in names) != (TEXT in names) and all(" " not in cell.strip() for cell in cells):
            missing = TEXT if AUDIO in names else AUDIO
            raise UserError(
                f"{path}: column {missing} is missing; the header is {separator.join(cells)}"
            )


def _without_header(path: Path, lines: Sequence[TextLine], first: str) -> Table:
    separator = next((s for s in "|\t;" if s in first), "")
    if not separator:
        raise UserError(
            f"{path}: the first line {first[:40]!r} has no column separator; "
            f"write a header {'|'.join(REQUIRED)} and separate the columns by |"
        )
    legible = [line.text for line in lines if line.text.strip() and not line.fault]
    bare = [[cell.strip() for cell in _cells(line, separator)] for line in legible]
    try:
        names = columns_by_content(bare)
    except ColumnsUnclear as fault:
        header = separator.join(fault.header)
        raise UserError(
            f"{path}: the first line {first[:_SHOWN]!r} is no header, and {fault.reason}; "
            f"write as first line what the columns hold, such as {header}"
        ) from fault
    rows = [_row(record, names, separator) for record in _records(lines, names, separator)]
    unused = [name.replace(f"{IGNORED}_", "column ") for name in names if name.startswith(IGNORED)]
    meaning = [(f"column {i}", name) for i, name in enumerate(names, 1) if name in COLUMNS]
    return Table(tuple(rows), tuple(unused), tuple(meaning))


def _records(lines: Sequence[TextLine], names: Sequence[str], separator: str) -> Iterable[_Record]:
    """The rows of a file that are not empty, lines of one quoted cell joined."""
    place = 0
    while place < len(lines):
        line = lines[place]
        count, cells = 1, _cells(line.text, separator)
        if len(cells) != len(names) or line.text.count('"') % 2:
            count, cells = _over_lines(lines, place, len(names), separator)
        used = lines[place : place + count]
        if any(cell.strip() for cell in cells):
            fault = next((one.fault for one in used if one.fault), "")
            text = " ".join(one.text for one in used)
            yield _Record(line.number, [cell.strip() for cell in cells], text, fault)
        place += count


def _over_lines(
    lines: Sequence[TextLine], start: int, columns: int, separator: str
) -> tuple[int, list[str]]:
    """How many lines the row that begins at line `start` takes, and its cells.

    Lines are joined only where quotes close properly, the cells come out even, and not every line
    is a whole row by itself, for then the quotes are the text's own.
    """
    following = (line.text + "\n" for line in islice(lines, start, None))
    reader = csv.reader(following, delimiter=separator, strict=True)
    alone = _cells(lines[start].text, separator)
    try:
        cells = next(reader, [])
    except csv.Error:
        return 1, alone
    count = max(reader.line_num, 1)
    rows = [line.text.split(separator) for line in islice(lines, start, start + count)]
    whole = all(len(row) == columns for row in rows)
    return (1, alone) if count == 1 or len(cells) != columns or whole else (count, cells)


def _row(record: _Record, names: Sequence[str], separator: str) -> MetadataRow:
    cells = record.cells
    while len(cells) > len(names) and not cells[-1]:
        cells = cells[:-1]
    spare = len(cells) - len(names)
    if spare > 0 and sorted(names) == [AUDIO, TEXT]:
        cells = _joined(record.text, names.index(TEXT), separator)
    elif spare < 0 and RAW in names and len(cells) == 2:
        cells = [*cells, ""]
    values = dict(zip(names, cells, strict=False))
    if RAW in values:  # LJSpeech: what the text says where nobody wrote it as it is read aloud
        values[TEXT] = values.get(TEXT) or values[RAW]
    fault = record.fault
    if not fault and len(cells) != len(names):
        remedy = f"put a text that holds {separator!r} into double quotes"
        remedy = remedy if spare > 0 else "write the empty ones, too"
        fault = f"{len(cells)} cells in place of {len(names)} ({separator.join(names)}); {remedy}"
    return MetadataRow(f"line {record.line}", values, fault, record.text[:_SHOWN] if fault else "")


def _joined(line: str, text_place: int, separator: str) -> list[str]:
    """The two cells of a line whose text holds the separator."""
    parts = line.split(separator, 1) if text_place else line.rsplit(separator, 1)
    return [part.strip() for part in parts]


def _cells(line: str, separator: str) -> list[str]:
    """Split one line; a field in doubled quotes may hold the separator, a stray quote is text."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        return line.split(separator)
