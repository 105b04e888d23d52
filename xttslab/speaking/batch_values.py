"""Reads the cells and values of a batch file: texts, numbers, pauses, paths of references."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from xttslab.data.text_files import json_reason
from xttslab.errors import UserError
from xttslab.files import found_path
from xttslab.model.setting_ranges import SAMPLING, SEED, NumberRange, require_number
from xttslab.speaking.lines import names_of
from xttslab.speaking.marks import checked_pause, seconds_in

# Settings that a file may give, with what they may be.
SETTINGS: dict[str, NumberRange] = {"speed": NumberRange(0.25, 4.0), "seed": SEED, **SAMPLING}
_TRUE, _FALSE = {"true", "yes", "1", "igen"}, {"false", "no", "0", "nem"}


def text_in(name: str, values: Mapping[str, Any]) -> str:
    """A text, "" where there is none; a number counts as its figures."""
    value = values.get(name, "")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UserError(f"{name} is {value!r}, which is no text; correct it")
    return str(value).strip()


def names_in(name: str, values: Mapping[str, Any]) -> str:
    """One name or several, of a list or of a cell, as `a,b`; "" where there is none."""
    value = values.get(name, "")
    if isinstance(value, list):
        if not all(isinstance(one, str) for one in value):
            raise UserError(f"{name} is {value!r}; write one name, or a list of them")
        return ",".join(names_of(value))
    return ",".join(names_of(text_in(name, values)))


def true_in(name: str, values: Mapping[str, Any]) -> bool:
    """A switch, written in any usual way."""
    shown = str(values[name]).strip().lower()
    if shown not in _TRUE | _FALSE:
        raise UserError(f"{name} is {values[name]!r}; write true or false")
    return shown in _TRUE


def pause_in(values: Mapping[str, Any]) -> float | None:
    """`pause_after` in seconds (`0.5`, `0,5`, `500ms`); None where there is none."""
    if (value := values.get("pause_after")) is None:
        return None
    shown = f"pause_after={value}"
    seconds = None if isinstance(value, bool) else seconds_in(str(value))
    if seconds is None:
        raise UserError(f"{shown}: is no length of a pause; write seconds, such as 0.5")
    return checked_pause(seconds, shown)


def setting_in(name: str, value: Any) -> float:
    """The value of one of SETTINGS; raises UserError for one that cannot be."""
    allowed = SETTINGS[name]
    if isinstance(value, str):
        with suppress(ValueError):  # what is no number is refused as it was written
            value = float(value.replace(",", "."))
    require_number(name, value, allowed)
    return int(value) if allowed.whole else float(value)


def paths_in(value: Any, folder: Path) -> tuple[Path, ...]:
    """The recordings that a cell or a list names, looked for from the file's folder and from here,
    and by their end where a project was moved; as written where there is none."""
    if not value:
        return ()
    several = value if isinstance(value, list) else _split(str(value), folder)
    if not all(isinstance(one, str) and one.strip() for one in several):
        raise UserError(f"references is {value!r}; write a recording's path, or a list of them")
    return tuple(_place(one.strip(), folder) for one in several)


def _split(value: str, folder: Path) -> list[str]:
    """The paths of a cell; a comma or semicolon may belong to a name of a file that is there."""
    for separator in (None, ";", ","):
        parts = value.split(separator) if separator else [value]
        if separator is None and not (";" in value or "," in value):
            return parts
        if all(_place(part.strip(), folder).is_file() for part in parts if part.strip()):
            return [part for part in parts if part.strip()]
    return [part for part in re.split("[;,]", value) if part.strip()]


def _place(name: str, folder: Path) -> Path:
    plain = Path(name).expanduser()
    if plain.is_file():
        return plain
    return found_path(str(plain), folder, Path.is_file) or folder / plain


def is_unclosed(lines: Sequence[str], separator: str) -> bool:
    """Whether a quoted cell of the lines that were read as one row is not properly closed, so that
    further rows are taken for its text."""
    try:
        deque(csv.reader((f"{line}\n" for line in lines), delimiter=separator, strict=True), 0)
    except csv.Error as fault:
        return len(lines) > 1 or str(fault).startswith("unexpected end")
    return False


def json_of(path: Path, content: str) -> Any:
    """The content of a JSON file, or the objects of one with an object a line.

    Raises UserError, with the place, for what is neither.
    """
    try:
        return json.loads(content)
    except RecursionError as fault:
        raise UserError(f"{path}: is nested too deep to be a list of lines") from fault
    except json.JSONDecodeError as fault:
        lines = [line for line in content.split("\n") if line.strip()]
        if fault.msg == "Extra data" and all(line.lstrip().startswith("{") for line in lines):
            try:
                return [json.loads(line) for line in lines]
            except (json.JSONDecodeError, RecursionError):
                pass
        raise UserError(f"{path}: {json_reason(fault, content)}") from fault
