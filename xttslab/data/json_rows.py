"""Reads the rows of JSON and JSON lines files that list clips."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xttslab.data.audio_names import AUDIO_SUFFIXES
from xttslab.data.text_files import json_reason, read_lines, read_text
from xttslab.errors import UserError

ENDINGS = (".json", ".jsonl", ".ndjson")
# Where an object keeps its list of clips.
_LISTS = (
    "data", "clips", "items", "samples", "utterances", "rows", "annotations", "entries", "files",
    "dataset", "train", "metadata",
)  # fmt: skip
_FILE_KEYS = ("path", "file", "filename", "file_name", "name", "src", "url")
_KEY = "audio_file"  # the key of an object whose keys are the clips
_SHOWN = 60  # characters of a bad row that its rejection shows


class NotAList(UserError):
    """Whole JSON that lists no clips, such as settings or a transcript with times."""


@dataclass(frozen=True)
class JsonRow:
    """One clip: its number in the list (from 1) or its line, what it says by key, and why it cannot
    be used where it cannot (`value` shows it)."""

    number: int
    values: dict[str, str]
    fault: str = ""
    value: str = ""


def read_json_rows(path: Path) -> tuple[list[JsonRow], str]:
    """The rows of a file, and what their numbers count: "entry" or "line".

    Read are a list of objects, such a list under a usual key, an object whose keys are the audio
    files (its values texts or objects), and one object a line. Raises NotAList for other content,
    and UserError for a file that is no whole JSON.
    """
    if path.suffix.lower() != ".json":
        return list(_lines(path)), "line"
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as fault:
        if _is_lines(text):
            return list(_lines(path)), "line"
        raise UserError(f"{path}: {json_reason(fault, text)}") from fault
    except RecursionError as fault:
        what = "its JSON is nested too deeply for a list of clips"
        raise UserError(f"{path}: {what}; {_wanted()}") from fault
    return [_row(number, row) for number, row in enumerate(_list_in(path, content), 1)], "entry"


def _wanted() -> str:
    return 'a list of clips is [{"audio": "a.wav", "text": "…"}, …]'


def _is_lines(text: str) -> bool:
    """Whether the first line that is not empty is an object by itself."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _object(first) is not None


def _object(line: str) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _lines(path: Path) -> Iterator[JsonRow]:
    """One row a line; a line that is no object costs itself only."""
    for line in read_lines(path):
        if not line.text.strip():
            continue
        content = _object(line.text)
        if content is None or line.fault:
            reason = line.fault or "the line is no JSON object"
            yield JsonRow(line.number, {}, reason, line.text[:_SHOWN])
        else:
            yield _row(line.number, content)


def _list_in(path: Path, content: object) -> list[Any]:
    if isinstance(content, dict):
        named = (content[key] for key in _LISTS if isinstance(content.get(key), list))
        content = next(named, None) or _keyed(content)
    if isinstance(content, list) and any(isinstance(row, dict) for row in content):
        return content
    raise NotAList(f"{path}: lists no clips; {_wanted()}")


def _keyed(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of an object from audio file to text, or to an object with the text."""
    named = [os.path.splitext(key)[1].lower() in AUDIO_SUFFIXES for key in content]
    objects = all(isinstance(value, dict) for value in content.values())
    if not content or not (all(named) or objects):
        return []
    return [
        {_KEY: key, **(value if isinstance(value, dict) else {"text": value})}
        for key, value in content.items()
    ]


def _row(number: int, content: object) -> JsonRow:
    if not isinstance(content, dict):
        return JsonRow(number, {}, "the entry is no JSON object", repr(content)[:_SHOWN])
    return JsonRow(number, {str(key): _cell(value) for key, value in content.items()})


def _cell(value: object) -> str:
    """A value as a table would hold it; of an object that stands for a file, its path."""
    if isinstance(value, dict):
        return next((str(value[key]) for key in _FILE_KEYS if value.get(key)), "")
    if value is None or isinstance(value, list):
        return ""
    return str(value).strip("\n") if isinstance(value, str) else json.dumps(value)
