"""The durable journal of a run: records are appended, and read in the same order after any crash.

`<run_dir>/tracking/journal.jsonl` is append-only; a line counts once it ends with a newline and
is on the disk (fsync). `destination.json` beside it says where the records go and up to which
byte they have arrived. Several processes may append to and send from one journal.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from xttslab.errors import UserError
from xttslab.files import is_absolute, moved_places, replacing, stored_path
from xttslab.tracking.client import SQLITE, database_file, sqlite_uri, store_holds
from xttslab.tracking.records import Record, Started, decode, encode

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Destination:
    """Where a run's records go (`uri` without credentials) and how far they have arrived."""

    uri: str
    run_id: str = ""
    offset: int = 0


class Journal:
    """Append-only records of the run in `run_dir`. A full disk never raises: what cannot be
    written is kept in memory and written before the next record."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.folder = run_dir / "tracking"
        self.path = self.folder / "journal.jsonl"
        self._held: list[bytes] = []

    def create(self) -> None:
        """Make the folder. Raises UserError where that is impossible."""
        try:
            self.files.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as fault:
            raise UserError(
                f"{self.run_dir}: cannot be written ({fault.strerror}); free space or permit "
                "writing there, or choose another folder for outputs"
            ) from fault

    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return self.path.is_file()

    @property
    def files(self) -> Path:
        """Copies of logged files that lay outside the run's folder."""
        return self.folder / "files"

    def sending(self) -> FileLock:
        """Held while records are sent, so that two processes do not send the same ones."""
        return FileLock(self.folder / "send.lock")

    def append(self, record: Record) -> None:
        """Write a record to the disk; when this returns, a crash cannot lose it, unless the
        disk refused it, which is said once and tried again with the next record."""
        self._held.append(encode(record))
        self.flush()

    def flush(self) -> bool:
        """Write what the disk refused before; False while it still refuses."""
        if not self._held:
            return True
        already_said = len(self._held) > 1
        try:
            with FileLock(self.folder / "append.lock"):
                _append_durably(self.path, b"".join(self._held))
        except OSError as fault:
            if not already_said:
                log.warning(
                    "%s: cannot be written (%s); tracking records are kept in memory and written "
                    "as soon as there is room",
                    self.path,
                    fault.strerror,
                )
            return False
        self._held.clear()
        return True

    def read(self, start: int = 0) -> Iterator[tuple[Record, int]]:
        """Records from byte `start` on, each with the offset behind it.

        A torn last line (a crash while writing) ends the records; a line damaged in the middle
        is left out with a warning.
        """
        if not self.exists():
            return
        offset = start
        with self.path.open("rb") as lines:
            lines.seek(start)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                try:
                    record = decode(line)
                except ValueError as fault:
                    log.warning("%s: a damaged record is left out (%s)", self.path, fault)
                    continue
                yield record, offset

    def started(self) -> Started | None:
        """The run's first record, which holds its key; None where there is no journal."""
        first = next((record for record, _ in self.read()), None)
        return first if isinstance(first, Started) else None

    def destination(self) -> Destination | None:
        """Where the records were sent so far; None before the first delivery.

        A store of this project is found where the project is now.
        """
        try:
            noted = Destination(**json.loads(self._destination.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # a lost note costs a second sending, which changes nothing
        return _today(noted, self.run_dir)

    def set_destination(self, destination: Destination) -> None:
        """Note where the records go and how far they have arrived. Raises OSError."""
        destination = replace(destination, uri=_as_stored(destination.uri, self.run_dir))
        with replacing(self._destination) as partial:
            partial.write_text(json.dumps(asdict(destination)), encoding="utf-8")

    @property
    def _destination(self) -> Path:
        return self.folder / "destination.json"

    def pending(self, offset: int) -> int:
        """Number of records behind `offset`."""
        return sum(1 for _ in self.read(offset)) + len(self._held)


def _as_stored(uri: str, run_dir: Path) -> str:
    """The address of a store for a file of the run: an sqlite one of the same project relative to
    the run's folder."""
    database = database_file(uri)
    if database is None:
        return uri
    return f"{SQLITE}{stored_path(database, run_dir, database.parent.parent)}"


def _today(noted: Destination, run_dir: Path) -> Destination:
    """A noted destination where it is now.

    Runs made by earlier versions noted an absolute path. Where that project was moved, what was
    sent since went to a store at the old place: all is sent again, and the store leaves out what
    it holds.
    """
    if not noted.uri.startswith(SQLITE):
        return noted
    stored = noted.uri.removeprefix(SQLITE)
    if not is_absolute(stored):
        database = Path(os.path.normpath(run_dir.absolute() / stored))
        return replace(noted, uri=sqlite_uri(database))
    lost = not noted.run_id and not Path(stored).exists()
    for place in moved_places(stored, run_dir, least=1):
        if place.is_file() and place != Path(stored):
            if lost or (noted.run_id and store_holds(place, noted.run_id)):
                return Destination(sqlite_uri(place), noted.run_id)
    return noted


def _append_durably(path: Path, lines: bytes) -> None:
    """Append whole lines and sync them; on failure the file is as before."""
    with path.open("a+b") as file:
        end = _cut_torn_line(path)
        try:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise


def _cut_torn_line(path: Path) -> int:
    """Drop a last line without newline, left by a crash; return the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        end = size
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
    if end < size:
        os.truncate(path, end)
    return end
