"""What is remembered of every clip, kept on disk so that a preparation can be interrupted.

One file a clip under `.prepare/clips/`, written atomically; its `key` names everything
that the clip was made from, so a clip is made again exactly when one of these has changed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from xttslab.files import remove, write_atomically


@dataclass(frozen=True)
class Record:
    """One clip: where it came from, what was done to it, what was measured.

    `name` is its file's stem in `wavs/`, `base` the name of the file that it was cut from (the same
    for a file that is one clip); `start` and `end` are seconds in `origin`; `reason` and `value`
    are set where no clip could be made. `features` are small arrays for comparing clips.
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
    changes: tuple[tuple[str, str], ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)

    @property
    def seconds(self) -> float:
        """Length of the prepared clip."""
        return self.measures.get("seconds", 0.0)


@dataclass(frozen=True)
class Journal:
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
