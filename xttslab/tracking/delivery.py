"""Delivers the records of a run's journal to MLflow, in order and each once.

Every request can be repeated without effect (a record that arrived just before a crash is sent
again), and values that the run already holds are left out.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.tracking.client import first_line, open_client, without_credentials
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.records import Artifact, Metrics, Record, Started, WentBack
from xttslab.tracking.writer import (
    SET_ASIDE,
    AnotherHistory,
    Refused,
    RunWriter,
    Unreachable,
    open_run,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"}
_REFUSED_STATUS = {400, 404, 413, 414, 415}  # of an upload; logins and rate limits can be mended


class Delivery:
    """Sends what is pending in `journal` to the store at `uri` (with credentials, if it needs
    them there; they are kept in memory alone)."""

    def __init__(self, journal: Journal, uri: str) -> None:
        self.journal = journal
        self.uri = uri
        self._client: MlflowClient | None = None
        self._writer: RunWriter | None = None

    @property
    def run_id(self) -> str | None:
        """The MLflow run id; None until the store has created the run."""
        return self._destination().run_id or None

    def claim(self) -> None:
        """Note the store as the run's own, so that `sync` knows it even if nothing arrives now."""
        if self.journal.destination() != self._destination():
            self.journal.set_destination(self._destination())

    def pending(self) -> int:
        """Number of records that have not arrived."""
        return self.journal.pending(self._destination().offset)

    def send_pending(self, arrived: Callable[[], None] = lambda: None) -> int:
        """Send everything pending and return how many records that were; `arrived` is called
        after each. Raises Unreachable at the first that the store does not take now."""
        with self.journal.sending():
            try:
                return self._send_from(self._destination(), arrived)
            except _RunGone:
                why = "its MLflow run is gone from the store; it is sent again from the journal"
            except AnotherHistory:
                why = (
                    "it went back to an earlier epoch with other settings; in MLflow what it had "
                    f"logged behind that is a run of its own now, tagged {SET_ASIDE}"
                )
            log.warning("%s: %s", self.journal.run_dir, why)
            return self._send_from(Destination(without_credentials(self.uri)), arrived)

    def _send_from(self, destination: Destination, arrived: Callable[[], None]) -> int:
        count = 0
        left_out = self._superseded(destination.offset)
        for record, offset in self.journal.read(destination.offset):
            run_id = destination.run_id
            if offset not in left_out:
                run_id = self._send(record, run_id)
            destination = Destination(destination.uri, run_id, offset)
            self.journal.set_destination(destination)
            count += 1
            arrived()
        return count

    def _superseded(self, start: int) -> set[int]:
        """The offsets of records that are not to be sent any more: a file that was rewritten since
        (the samples page) is sent once, as it is now; of epochs that the run went back behind,
        values are left out, and files that were moved away."""
        left_out: set[int] = set()
        latest: set[Artifact] = set()
        goes_back_to: float = math.inf  # the earliest epoch that a later record goes back to
        for record, offset in reversed([*self.journal.read(start)]):
            match record:
                case WentBack():
                    goes_back_to = min(goes_back_to, record.epoch)
                case Metrics() if record.step > goes_back_to:
                    left_out.add(offset)
                case Artifact():
                    moved = goes_back_to < math.inf and not self._file(record).is_file()
                    if moved or record in latest:
                        left_out.add(offset)
                    latest.add(record)
        return left_out

    def _file(self, artifact: Artifact) -> Path:
        return self.journal.run_dir / artifact.file

    def _destination(self) -> Destination:
        shown = without_credentials(self.uri)
        known = self.journal.destination()
        return known if known and known.uri == shown else Destination(shown)

    def _send(self, record: Record, run_id: str) -> str:
        """Send one record and return the run's id. A record that the store will never take is
        put aside with the reason, so that the ones behind it arrive."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            client = self._connect()
            if isinstance(record, Started):
                return open_run(client, self.uri, record)
            if not self._writer or self._writer.run_id != run_id:
                self._writer = RunWriter(client, run_id, self.journal.run_dir)
            self._writer.send(record)
        except MlflowException as fault:
            if fault.error_code == "RESOURCE_DOES_NOT_EXIST" and run_id:
                raise _RunGone from fault
            if fault.error_code not in _REFUSALS or not run_id:
                raise Unreachable(first_line(fault)) from fault
            self._put_aside(record, first_line(fault))
        except Refused as fault:
            self._put_aside(record, str(fault))
        except (OSError, SQLAlchemyError) as fault:
            if _status(fault) not in _REFUSED_STATUS:
                raise Unreachable(first_line(fault)) from fault
            self._put_aside(record, first_line(fault))
        return run_id

    def _put_aside(self, record: Record, reason: str) -> None:
        log.warning("%s: MLflow refused a record: %s", self.journal.run_dir, reason)
        line = json.dumps({"reason": reason, "record": repr(record)}, ensure_ascii=False)
        with (self.journal.folder / "refused.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _connect(self) -> MlflowClient:
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client


class _RunGone(Unreachable):
    """The store no longer holds the run."""


def _status(fault: Exception) -> int | None:
    """The HTTP status of a failed upload."""
    return getattr(getattr(fault, "response", None), "status_code", None)
