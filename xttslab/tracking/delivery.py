"""Brings a run's journal to MLflow: pending records in, the same content in the store out.

Records go in order and arrive once: every request can be repeated without effect (a record that
arrived just before a crash is sent again), and values that the run already holds are left out.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from xttslab.tracking.client import database_file, open_client, without_credentials
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.records import (
    RUNNING,
    Artifact,
    DatasetUsed,
    Finished,
    Metrics,
    Params,
    Record,
    Resumed,
    Started,
    Tags,
)

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

KEY_TAG = "xttslab.key"  # holds Started.key: finds a run whose creation was not noted
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # opens as runs + charts
_PER_REQUEST = 100  # MLflow's limit for params and tags
_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"}


class Unreachable(Exception):
    """The store did not take a record now and may take it later."""


class Delivery:
    """Sends what is pending in `journal` to the store at `uri` (with credentials, if it needs
    them there; they are kept in memory alone)."""

    def __init__(self, journal: Journal, uri: str) -> None:
        self.journal = journal
        self.uri = uri
        self._client: MlflowClient | None = None
        self._held: dict[str, set[int]] | None = None  # metric → steps that the run holds

    @property
    def run_id(self) -> str | None:
        """The MLflow run id; None until the store has created the run."""
        return self._destination().run_id or None

    def send_pending(self, arrived: Callable[[], None] = lambda: None) -> int:
        """Send everything pending and return how many records that were; `arrived` is called
        after each. Raises Unreachable at the first that the store does not take now."""
        with self.journal.sending():
            try:
                return self._send_from(self._destination(), arrived)
            except _RunGone:
                # somebody emptied the store: the journal holds the whole run, so send it all
                return self._send_from(Destination(without_credentials(self.uri)), arrived)

    def _send_from(self, destination: Destination, arrived: Callable[[], None]) -> int:
        count = 0
        latest = {
            record: offset
            for record, offset in self.journal.read(destination.offset)
            if isinstance(record, Artifact)
        }
        for record, offset in self.journal.read(destination.offset):
            run_id = destination.run_id
            # a file that was rewritten since (the samples page) is sent once, as it is now
            if not isinstance(record, Artifact) or latest.get(record, offset) == offset:
                run_id = self._send(record, run_id)
            destination = Destination(destination.uri, run_id, offset)
            self.journal.set_destination(destination)
            count += 1
            arrived()
        return count

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
            if isinstance(record, Started):
                return self._open_run(record)
            if not run_id:
                raise _Refused("the journal does not begin with the run's start")
            self._send_to(run_id, record)
        except MlflowException as fault:
            if fault.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise _RunGone from fault
            if fault.error_code not in _REFUSALS:
                raise Unreachable(_first_line(fault)) from fault
            self._put_aside(record, _first_line(fault))
        except _Refused as fault:
            self._put_aside(record, str(fault))
        except (OSError, SQLAlchemyError) as fault:
            raise Unreachable(_first_line(fault)) from fault
        return run_id

    def _put_aside(self, record: Record, reason: str) -> None:
        log.warning("%s: MLflow refused a record: %s", self.journal.run_dir, reason)
        line = json.dumps({"reason": reason, "record": repr(record)}, ensure_ascii=False)
        with (self.journal.folder / "refused.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    @property
    def client(self) -> MlflowClient:
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    def _open_run(self, start: Started) -> str:
        """The run of this key, created if the store does not hold it yet."""
        experiment_id = self._experiment(start.experiment).experiment_id
        found = self.client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{start.key}'")
        if found:
            return str(found[0].info.run_id)
        tags = {**start.tags, KEY_TAG: start.key}
        run = self.client.create_run(experiment_id, start.time, tags=tags, run_name=start.name)
        self._held = {}
        return str(run.info.run_id)

    def _experiment(self, name: str) -> Experiment:
        """The experiment of this name, created if need be, and marked as model training."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            database = database_file(self.uri)
            location = (database.parent / "artifacts").as_uri() if database else None
            try:
                self.client.create_experiment(name, location, EXPERIMENT_TAGS)
            except MlflowException as fault:
                if fault.error_code != "RESOURCE_ALREADY_EXISTS":  # another run was faster
                    raise
            found = self.client.get_experiment_by_name(name)
        if found.lifecycle_stage != "active":
            raise Unreachable(
                f"experiment {name!r} was deleted; restore it with `mlflow experiments restore "
                f"--experiment-id {found.experiment_id}` or choose another tracking.experiment"
            )
        for key, value in EXPERIMENT_TAGS.items():
            if key not in found.tags:  # somebody else's choice stays
                self.client.set_experiment_tag(found.experiment_id, key, value)
        return found

    def _send_to(self, run_id: str, record: Record) -> None:
        match record:
            case Resumed():
                self.client.update_run(run_id, status=RUNNING)
            case Params():
                self._send_texts(run_id, params=record.values)
            case Tags():
                self._send_texts(run_id, tags=record.values)
            case Metrics():
                self._send_metrics(run_id, record)
            case DatasetUsed():
                self._send_dataset(run_id, record)
            case Artifact():
                self._send_file(run_id, record)
            case Finished():
                self.client.set_terminated(run_id, record.status, record.time)

    def _send_texts(
        self,
        run_id: str,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Param, RunTag

        for part in _chunks(params or {}):
            self.client.log_batch(run_id, params=[Param(k, v) for k, v in part.items()])
        for part in _chunks(tags or {}):
            self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in part.items()])

    def _send_metrics(self, run_id: str, record: Metrics) -> None:
        from mlflow.entities import Metric

        held = self._held_metrics(run_id)
        fresh = [
            # an infinity would be stored as 1.8e308 and flatten every chart that it is in
            Metric(name, value if math.isfinite(value) else math.nan, record.time, record.step)
            for name, value in record.values.items()
            if record.step not in held.get(name, ())
        ]
        if fresh:
            self.client.log_batch(run_id, metrics=fresh)
        for metric in fresh:
            held.setdefault(metric.key, set()).add(metric.step)

    def _held_metrics(self, run_id: str) -> dict[str, set[int]]:
        """What the run held before this process sent anything: asked once."""
        if self._held is None:
            names = self.client.get_run(run_id).data.metrics
            self._held = {
                name: {point.step for point in self.client.get_metric_history(run_id, name)}
                for name in names
            }
        return self._held

    def _send_dataset(self, run_id: str, used: DatasetUsed) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=used.name,
            digest=used.fingerprint[:36],
            source_type="local",
            source=json.dumps({"uri": used.source}, ensure_ascii=False),
            profile=json.dumps(dict(used.profile), ensure_ascii=False),
        )
        tag = InputTag("mlflow.data.context", used.context)
        self.client.log_inputs(run_id, [DatasetInput(dataset, [tag])])

    def _send_file(self, run_id: str, artifact: Artifact) -> None:
        path = self.journal.run_dir / artifact.file
        if not path.is_file():
            raise _Refused(f"{path} was removed before it could be sent")
        self.client.log_artifact(run_id, str(path), artifact.folder or None)


class _Refused(Exception):
    """A record that no later attempt could deliver."""


class _RunGone(Exception):
    """The store no longer holds the run."""


def _chunks(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    pairs = iter(values.items())
    while part := dict(islice(pairs, _PER_REQUEST)):
        yield part


def _first_line(fault: Exception) -> str:
    """The fault's first line; URLs in it lose their credentials."""
    words = (str(fault).splitlines() or [type(fault).__name__])[0].split(" ")
    return " ".join(without_credentials(word) if "://" in word else word for word in words)
