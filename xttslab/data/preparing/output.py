"""The files of a prepared data set: what is in them, and how they are read back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xttslab.data.audio_names import MISSING
from xttslab.data.manifest import Clip, read_folder, slug, write_metadata
from xttslab.data.preparing.records import Journal
from xttslab.errors import UserError
from xttslab.files import write_atomically

TABLES = ("metadata.csv", "clips.csv", "rejected.csv", "review.csv", "changed.csv")
_RESERVED = ("codes", "conf")  # folders that stand beside the data sets
_CONFIG = """\
# Written by `python -m xttslab.prepare dataset={name}`; `train dataset={name}` reads it.
name: {name}
language: {language}
sources: {{{name}: "${{data_dir}}/{name}"}}
balance: none
max_repeats: 3
"""


@dataclass(frozen=True)
class Folder:
    """A data set on disk, `data/<name>`."""

    path: Path

    @classmethod
    def named(cls, data_dir: Path, name: str) -> Folder:
        """The folder of data set `name`; raises UserError for a name that cannot be one."""
        if not re.fullmatch(r"[a-z0-9_-]+", str(name)) or name in _RESERVED:
            hint = f"write dataset={slug(str(name))}" if name not in _RESERVED else "choose another"
            raise UserError(f"dataset={name}: a name holds a-z, 0-9, _ and - only; {hint}")
        return cls(data_dir / name)

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.path.name

    @property
    def state(self) -> Path:
        """Where a preparation keeps what it needs to go on or to do nothing."""
        return self.path / ".prepare"

    @property
    def journal(self) -> Journal:
        """The record of every clip."""
        return Journal(self.state / "clips")

    def audio(self, name: str) -> Path:
        """Where the clip of that name lies."""
        return self.path / "wavs" / f"{name}.wav"

    def rows(self, language: str) -> list[Clip]:
        """The rows of metadata.csv as they are now; none where nothing was prepared yet.

        A row whose file is gone is left out. Raises UserError for any other that cannot be read,
        since writing the file again would lose what a person wrote there.
        """
        if not (self.path / "metadata.csv").is_file():
            return self.written()
        clips, rejected = read_folder(self.path, self.name, language, raw=True)
        lost = next((row for row in rejected if not row.reason.endswith(MISSING)), None)
        if lost is not None:
            place = f"{self.path / 'metadata.csv'}: {lost.audio_file}: {lost.reason}"
            raise UserError(f"{place} ({lost.value}); correct the row and run the command again")
        return clips

    def written(self) -> list[Clip]:
        """The rows as `prepare` last wrote them, deleted ones included."""
        try:
            stored = json.loads((self.state / "written.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [Clip(**row | {"audio": self.audio(row["audio"])}) for row in stored]

    def write_rows(self, rows: Sequence[Clip], deleted: Sequence[Clip]) -> None:
        """Write metadata.csv, and the copy that later shows what a person changed."""
        copy = [asdict(clip) | {"audio": clip.audio.stem} for clip in (*rows, *deleted)]
        write_atomically(self.state / "written.json", json.dumps(copy, ensure_ascii=False).encode())
        write_metadata(self.path / "metadata.csv", rows)

    def write_config(self, conf: Path, language: str) -> None:
        """Write the dataset config that makes `train dataset=NAME` compose, unless it exists."""
        path = conf / "dataset" / f"{self.name}.yaml"
        if not path.exists():
            write_atomically(path, _CONFIG.format(name=self.name, language=language).encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a pipe-separated table with a header, atomically."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="|", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue().encode())


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table that `write_table` wrote; no rows where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="|"))
