"""Reads text files of any encoding that editors, spreadsheets and shells write, line by line.

Faults of their content are told here, too, so that every reader tells them alike.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError

_MARKED = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 4096  # bytes that show whether a file without a mark is UTF-16
_REPLACEMENT = "\ufffd"  # what a decoder writes for bytes that are no character


@dataclass(frozen=True)
class TextLine:
    """One line: its number from 1, its text without the line ending, and what in it cannot be read
    (empty where all can; then `text` is the best reading of it)."""

    number: int
    text: str
    fault: str = ""


def read_lines(path: Path) -> list[TextLine]:
    """The lines of a UTF-8, UTF-16, UTF-32 or cp1250 file, with any line ending.

    One bad byte costs its own line only. UTF-16 is known by its byte order mark or by its zero
    bytes; cp1250 is what Hungarian spreadsheets save. Raises UserError for a file that cannot be
    opened.
    """
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}); check the file") from fault
    encoding = _wide_encoding(raw)
    if encoding:
        text = raw.decode(encoding, errors="replace")
        return [
            TextLine(number, line, _wide_fault(line, encoding))
            for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)
        ]
    lines = re.split(rb"\r\n|\r|\n", raw.removeprefix(codecs.BOM_UTF8))
    return _narrow_lines(lines)


def read_text(path: Path) -> str:
    """The text of a whole file, lines ended by a line feed; raises UserError for a file that cannot
    be opened, and names the first line that cannot be read."""
    lines = read_lines(path)
    for line in lines:
        if line.fault:
            raise UserError(f"{path} line {line.number}: {line.fault}")
    return "\n".join(line.text for line in lines)


def json_reason(fault: json.JSONDecodeError, text: str) -> str:
    """Why a text is not JSON, where, and what to do: the end of a message that names the file."""
    place = f"line {fault.lineno}, character {fault.colno}"
    if fault.pos >= len(text.rstrip()) - 1 or fault.msg.startswith("Unterminated string"):
        return f"its JSON is cut off at {place}; copy or export the file again"
    return f"is no JSON at {place} ({fault.msg.lower()}); correct it, or export the file again"


def _wide_encoding(raw: bytes) -> str:
    """The encoding of a file of two or four bytes a character; empty for any other."""
    for mark, encoding in _MARKED:
        if raw.startswith(mark):
            return encoding
    sample = raw[:_SAMPLE]
    if len(sample) < 4:
        return ""
    first, second = (part.count(0) / len(part) for part in (sample[::2], sample[1::2]))
    if second > 0.3 and first < 0.05:  # Latin letters have a zero for their high byte
        return "utf-16-le"
    return "utf-16-be" if first > 0.3 and second < 0.05 else ""


def _wide_fault(line: str, encoding: str) -> str:
    if _REPLACEMENT not in line:
        return ""
    return f"holds bytes that are not {encoding.upper()}, as the rest is; save the file as UTF-8"


def _narrow_lines(lines: list[bytes]) -> list[TextLine]:
    """Lines of one byte a letter or of UTF-8: each is read on its own, the many decide what those
    are that are not UTF-8."""
    readings = [_utf8(line) for line in lines]
    broken = sum(reading is None for reading in readings)
    accented = sum(reading is not None and not reading.isascii() for reading in readings)
    is_utf8 = accented >= broken and accented > 0
    found = []
    for number, (line, reading) in enumerate(zip(lines, readings, strict=True), 1):
        if reading is not None and (is_utf8 or _in_cp1250(reading)):
            found.append(TextLine(number, reading.removeprefix("\ufeff")))
        else:
            found.append(_cp1250_line(number, line, is_utf8))
    return found


def _utf8(line: bytes) -> str | None:
    return None if _fault_at(line) is not None else line.decode("utf-8")


def _fault_at(line: bytes) -> int | None:
    """Where the first byte stands that is not UTF-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as fault:
        return fault.start
    return None


def _in_cp1250(text: str) -> bool:
    """Whether a line of a cp1250 file that happens to be UTF-8 is meant as UTF-8: its letters are
    those that such a file is written with."""
    try:
        text.encode("cp1250")
    except UnicodeEncodeError:
        return False
    return True


def _cp1250_line(number: int, line: bytes, is_utf8: bool) -> TextLine:
    text = line.decode("cp1250", errors="replace")
    place = _fault_at(line)
    if is_utf8 and place is not None:
        fault = f"byte 0x{line[place]:02x} is not UTF-8, as the rest is; save the file as UTF-8"
    elif _REPLACEMENT in text:
        fault = "holds a byte that is neither UTF-8 nor cp1250; save the file as UTF-8"
    else:
        fault = ""
    return TextLine(number, text, fault)
