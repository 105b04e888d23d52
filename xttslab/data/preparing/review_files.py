"""Reads and writes the files of a review: the set's rows, the checks' findings, the decisions.

`metadata.csv` says what is used. `.prepare/review.jsonl` remembers which clips were heard, and why
and with which row a clip was left out, so that it can be taken back.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xttslab.data.columns import AUDIO, CATEGORY, TEXT
from xttslab.data.manifest import Rejection
from xttslab.data.metadata import COLUMNS, read_rows
from xttslab.data.preparing.folder import Folder, read_table, write_table
from xttslab.errors import UserError
from xttslab.files import append_line

KEPT, OUT = "kept", "out"  # what a reviewer decided on a clip
DELETED = "its row was deleted from metadata.csv"
REVIEWED = "left out in review"  # what the reasons of a reviewer begin with
REJECTED = "rejected.csv"
_LOG = "review.jsonl"


@dataclass(frozen=True)
class Flag:
    """What a check saw in a clip, in words and as a value."""

    check: str
    finding: str
    value: str


@dataclass
class EditedRows:
    """The rows of metadata.csv by audio file, with every column that the file has."""

    columns: tuple[str, ...]
    rows: dict[str, dict[str, str]]

    @classmethod
    def read(cls, path: Path) -> EditedRows:
        """The rows of a file; UserError where one cannot be read, since writing would lose it."""
        rows: dict[str, dict[str, str]] = {}
        others: dict[str, None] = {}
        for row in read_rows(path).rows:
            file = row.values.get(AUDIO, "").replace("\\", "/")
            fault = row.fault or ("the clip stands twice" if file in rows else "")
            if fault or not file:
                fault = fault or "the row names no audio file"
                raise UserError(f"{path} {row.place}: {fault}; correct it, nothing was saved")
            text, category = tidy(row.values.get(TEXT, "")), row.values.get(CATEGORY, "")
            rows[file] = {**row.values, AUDIO: file, TEXT: text, CATEGORY: category}
            others |= dict.fromkeys(name for name in row.values if name not in COLUMNS)
        return cls((*COLUMNS, *others), rows)

    def write(self, path: Path) -> None:
        """Write the file anew, atomically and to the disk."""
        rows = [[row.get(name, "") for name in self.columns] for row in self.rows.values()]
        write_table(path, self.columns, rows, durable=True)

    def put(self, file: str, row: dict[str, str], place: int) -> None:
        """Write a row over the one of its clip, or in at its old place."""
        if file not in self.rows:
            rest = [*self.rows.items()]
            self.rows = dict([*rest[:place], (file, row), *rest[place:]])
        self.rows[file] = row


@dataclass(frozen=True)
class ReviewTables:
    """What `prepare` found out, by audio file."""

    flags: Mapping[str, tuple[Flag, ...]]
    changes: Mapping[str, tuple[tuple[str, str], ...]]
    seconds: Mapping[str, float]

    @classmethod
    def read(cls, folder: Folder) -> ReviewTables:
        """What review.csv, changed.csv and clips.csv of a data set say."""
        flags: dict[str, tuple[Flag, ...]] = {}
        for row in read_table(folder.path / "review.csv"):
            flag = Flag(row["check"], row["finding"], row["value"])
            flags[row["audio_file"]] = (*flags.get(row["audio_file"], ()), flag)
        changes: dict[str, tuple[tuple[str, str], ...]] = {}
        for row in read_table(folder.path / "changed.csv"):
            file = row["audio_file"]
            changes[file] = (*changes.get(file, ()), (row["change"], row["value"]))
        measured = read_table(folder.path / "clips.csv")
        seconds = {row["audio_file"]: float(row.get("seconds") or 0) for row in measured}
        return cls(flags, changes, seconds)


def decisions(folder: Folder) -> dict[str, dict[str, Any]]:
    """The last decision on every clip; lines that a killed process left unfinished are skipped."""
    path = folder.state / _LOG
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            decision = json.loads(line)
            found[decision["audio_file"]] = decision
        except (ValueError, KeyError, TypeError):
            continue
    return found


def decide(folder: Folder, audio_file: str, decision: Mapping[str, Any]) -> None:
    """Remember a decision on a clip."""
    line = json.dumps({"audio_file": audio_file, **decision}, ensure_ascii=False)
    append_line(folder.state / _LOG, line)


def left_out_in_review(folder: Folder, current: set[str]) -> dict[str, Rejection]:
    """The clips that a reviewer left out, by name, apart from those with a row (`current`)."""
    return {
        Path(file).stem: Rejection(file, entry["reason"], entry["row"][TEXT])
        for file, entry in decisions(folder).items()
        if entry["did"] == OUT and Path(file).stem not in current
    }


def tidy(text: str) -> str:
    """The text as metadata.csv holds it: composed letters, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def reject(folder: Folder, audio_file: str, rejection: Rejection | None) -> None:
    """Let rejected.csv have this row of a clip, or none."""
    path = folder.path / REJECTED
    rows = [tuple(row.values()) for row in read_table(path) if row["audio_file"] != audio_file]
    if rejection is not None:
        rows.append((rejection.audio_file, rejection.reason, rejection.value))
    write_table(path, ("audio_file", "reason", "value"), rows)
