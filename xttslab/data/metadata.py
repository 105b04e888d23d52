"""The bytes of a metadata file in, its rows as dictionaries out; files of any spreadsheet.

UTF-8, UTF-16 and cp1250, any line ending, a header or none (LJSpeech), quoted fields or not.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError

COLUMNS = ("audio_file", "text", "speaker_name", "category", "language", "split", "source")
REQUIRED = COLUMNS[:3]
_SEPARATORS = "|;\t,"


@dataclass(frozen=True)
class Row:
    """One line of the file: its number, and its cells by column name."""

    line: int
    values: dict[str, str]


def read_rows(path: Path) -> Iterable[Row]:
    """The rows of one file. Raises UserError for an empty file or a missing column."""
    lines = re.split(r"\r\n|\r|\n", decode_text(path))
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise UserError(f"{path}: the file is empty; it needs a header {'|'.join(REQUIRED)}")
    header, separator = _header(path, filled[0][1])
    for number, line in filled[1:] if header else filled:
        if not header:
            cells = dict(zip(("audio_file", "text", "normalised"), line.split("|"), strict=False))
            yield Row(number, _ljspeech(cells))
            continue
        values = dict(zip(header, map(str.strip, _cells(line, separator)), strict=False))
        yield Row(number, values)


def _header(path: Path, line: str) -> tuple[list[str], str]:
    """The column names and what separates them; no names where the first line is a clip."""
    for separator in _SEPARATORS:
        names = [cell.strip().lower() for cell in _cells(line, separator)]
        if "audio_file" in names and "text" in names:
            return names, separator
    names = [cell.strip().lower() for cell in _cells(line, "|")]
    if "audio_file" in names or "text" in names:
        missing = "text" if "audio_file" in names else "audio_file"
        raise UserError(f"{path}: column {missing} is missing; the header is {'|'.join(names)}")
    if "|" not in line:
        raise UserError(
            f"{path}: the first line {line[:40]!r} has no column separator; "
            f"write a header {'|'.join(REQUIRED)} and separate the columns by |"
        )
    return [], "|"


def _ljspeech(cells: dict[str, str]) -> dict[str, str]:
    text = cells.get("normalised", "").strip() or cells.get("text", "").strip()
    name = cells.get("audio_file", "").strip()
    return {"audio_file": name, "text": text}


def decode_text(path: Path) -> str:
    """Read UTF-8 (with or without BOM) or UTF-16 with one, else cp1250, what Hungarian
    spreadsheets save. Raises UserError for a file that cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}); check the file") from fault
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16" if wide else "utf-8-sig", "cp1250"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("cp1250", errors="replace")


def _cells(line: str, separator: str) -> list[str]:
    """Split one line; a field in doubled quotes may hold the separator, a stray quote is text."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        return line.split(separator)
