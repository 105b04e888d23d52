"""The files of a prepared data set: one record a clip, tables, metadata and dataset config.

There is one record file a clip under `.prepare/clips/`, written atomically; its `key` covers
everything that the clip was made from, so a clip is made again exactly when one of these changed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile

import numpy as np

from xttslab.data.audio_names import MISSING
from xttslab.data.manifest import Clip, read_folder, slug, write_metadata
from xttslab.errors import UserError
from xttslab.files import remove, write_atomically

_LONGEST = 80
TABLES = ("metadata.csv", "clips.csv", "rejected.csv", "review.csv", "changed.csv")
_RESERVED = ("codes", "measures", "conf")  # folders that stand beside the data sets
_CONFIG = """\
# Written by `python -m xttslab.prepare dataset={name}`; `train dataset={name}` reads it.
name: {name}
language: {language}
sources: {{{name}: "${{data_dir}}/{name}"}}
"""


@dataclass(frozen=True)
class Record:
    """One clip: where it came from, what was done to it, what was measured.

    `name` is its file's stem in `wavs/`, `base` the name of the file that it was cut from (the same
    for a file that is one clip); `start` and `end` are seconds in `origin`; `reason` and `value`
    are set where no clip could be made. `text` and `speaker` are those of a transcript that it was
    cut by, `transcript` is that file's name. `features` are small arrays for comparing clips.
    """

    name: str
    base: str
    source: str
    origin: str
    origin_digest: str
    key: str = ""
    start: float = 0.0
    end: float = 0.0
    digest: str = ""
    reason: str = ""
    value: str = ""
    text: str = ""
    speaker: str = ""
    transcript: str = ""
    changes: tuple[tuple[str, str], ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)

    @property
    def seconds(self) -> float:
        """Length of the prepared clip."""
        return self.measures.get("seconds", 0.0)


@dataclass(frozen=True)
class ClipJournal:
    """The records of one data set."""

    folder: Path

    def save(self, record: Record) -> None:
        """Store a record under its clip's name; raises UserError when the disk is full."""
        facts = asdict(record) | {"features": None}
        arrays = {f"feature_{name}": array for name, array in record.features.items()}
        buffer = io.BytesIO()
        np.savez(buffer, record=np.array(json.dumps(facts)), **arrays)
        write_atomically(self._path(record.name), buffer.getvalue())

    def load(self, name: str) -> Record | None:
        """The record of a clip; None where there is none, or it was damaged."""
        try:
            with np.load(self._path(name)) as stored:
                facts = json.loads(str(stored["record"]))
                features = {
                    entry.removeprefix("feature_"): stored[entry]
                    for entry in stored.files
                    if entry != "record"
                }
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        facts["changes"] = tuple((what, value) for what, value in facts["changes"])
        return Record(**facts | {"features": features})

    def __iter__(self) -> Iterator[Record]:
        for path in sorted(self.folder.glob("*.npz")):
            record = self.load(path.stem)
            if record is not None:
                yield record

    def forget(self, name: str) -> None:
        """Remove the record of a clip that is not made any more."""
        remove(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


def key_of(*parts: object) -> str:
    """A digest over everything that decides a result (frozen dataclasses print themselves)."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


class Names:
    """Gives clips their names: the source's own where it is free, else with the content's hash.

    A clip keeps its name for ever: the same file of the same source gets it again, and so does the
    same content under a source that has moved.
    """

    def __init__(self, known: Iterable[Record]) -> None:
        self._owner = {record.base.casefold(): _owner(record) for record in known}

    def claim(self, source: str, origin: str, digest: str) -> str:
        """The name of the clip that `origin` of `source`, with this content, becomes."""
        plain = file_stem(origin)
        for name in (plain, f"{plain}-{digest[:8]}"):
            owner = self._owner.setdefault(name.casefold(), (source, origin, digest))
            if owner[:2] == (source, origin) or owner[1:] == (origin, digest):
                return name
        return f"{plain}-{digest[:16]}"


def file_stem(origin: str) -> str:
    """`folder/Jó reggelt!.wav` → `Jo-reggelt`: plain letters that every system and shell takes."""
    stem = PurePosixPath(origin).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:_LONGEST] or "clip"


def _owner(record: Record) -> tuple[str, str, str]:
    return record.source, record.origin, record.origin_digest


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
    def journal(self) -> ClipJournal:
        """The record of every clip."""
        return ClipJournal(self.state / "clips")

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
        return self._stored("written.json")

    def left_out(self) -> list[Clip]:
        """The clips that the checks of the last `prepare` left out."""
        return self._stored("left_out.json")

    def made(self) -> list[Clip]:
        """The rows as `prepare` would have written them had no person changed any."""
        return self._stored("made.json")

    def write_rows(
        self,
        rows: Sequence[Clip],
        deleted: Sequence[Clip],
        made: Sequence[Clip],
        left_out: Sequence[Clip],
    ) -> None:
        """Write metadata.csv, and beside it what later shows the changes of a person: the rows of
        `written`, of `made` and of `left_out`."""
        self._store("left_out.json", left_out)
        self._store("made.json", made)
        self._store("written.json", (*rows, *deleted))
        write_metadata(self.path / "metadata.csv", rows)

    def _stored(self, name: str) -> list[Clip]:
        try:
            stored = json.loads((self.state / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [Clip(**row | {"audio": self.audio(row["audio"])}) for row in stored]

    def _store(self, name: str, clips: Iterable[Clip]) -> None:
        rows = [asdict(clip) | {"audio": clip.audio.stem} for clip in clips]
        write_atomically(self.state / name, json.dumps(rows, ensure_ascii=False).encode())

    def write_config(self, conf: Path, language: str) -> None:
        """Write the dataset config that makes `train dataset=NAME` compose, unless it exists."""
        path = conf / "dataset" / f"{self.name}.yaml"
        if not path.exists():
            write_atomically(path, _CONFIG.format(name=self.name, language=language).encode())


def write_table(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], durable: bool = False
) -> None:
    """Write a pipe-separated table with a header, atomically."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="|", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue().encode(), durable)


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table that `write_table` wrote; no rows where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="|"))
