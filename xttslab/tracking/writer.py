"""Translates journal records to MLflow requests, each of which can be repeated safely."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.tracking.client import ARTIFACTS, database_file
from xttslab.tracking.records import (
    KILLED,
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
    WentBack,
)

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

KEY_TAG = "xttslab.key"  # holds Started.key: finds a run whose creation was not noted
PARENT_TAG = "xttslab.parent"  # holds the key of the sweep that the run is part of …
SET_ASIDE = "set_aside"  # the epoch behind which the run's history was begun anew elsewhere
_MLFLOW_PARENT = "mlflow.parentRunId"  # … which in this store is that run
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # opens as runs + charts
_PER_REQUEST = 100  # MLflow's limit for params and tags


class Unreachable(Exception):
    """The store did not take a record now and may take it later."""


class AnotherHistory(Exception):
    """The store's run holds epochs that were set aside since; it remains as a run of its own."""


class Refused(Exception):
    """A record that no later attempt could deliver."""


def open_run(client: MlflowClient, uri: str, start: Started) -> str:
    """The id of the run of this key, which is created if the store does not hold it yet."""
    experiment_id = _experiment(client, uri, start.experiment).experiment_id
    found = client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{start.key}'")
    if found:
        return str(found[0].info.run_id)
    tags = {**start.tags, KEY_TAG: start.key}
    if parent := _parent(client, experiment_id, start.tags):
        tags[_MLFLOW_PARENT] = parent
    run = client.create_run(experiment_id, start.time, tags=tags, run_name=start.name)
    return str(run.info.run_id)


def _parent(client: MlflowClient, experiment_id: str, tags: Mapping[str, str]) -> str:
    """The id of the run that these tags name as parent; "" while the store does not hold it."""
    if PARENT_TAG not in tags:
        return ""
    found = client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{tags[PARENT_TAG]}'")
    return str(found[0].info.run_id) if found else ""


def _experiment(client: MlflowClient, uri: str, name: str) -> Experiment:
    """The experiment of this name, created if need be, and marked as model training."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        database = database_file(uri)
        location = (database.parent / ARTIFACTS).as_uri() if database else None
        try:
            client.create_experiment(name, location, EXPERIMENT_TAGS)
        except MlflowException as fault:
            if fault.error_code != "RESOURCE_ALREADY_EXISTS":  # another run was faster
                raise
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise Unreachable(
            f"experiment {name!r} was deleted; restore it with `mlflow experiments restore "
            f"--experiment-id {found.experiment_id}` or choose another tracking.experiment"
        )
    for key, value in EXPERIMENT_TAGS.items():
        if key not in found.tags:  # somebody else's choice stays
            client.set_experiment_tag(found.experiment_id, key, value)
    return found


class RunWriter:
    """Writes records of the run in `run_dir` to the MLflow run `run_id`."""

    def __init__(self, client: MlflowClient, run_id: str, run_dir: Path) -> None:
        self._client = client
        self.run_id = run_id
        self._run_dir = run_dir
        self._held: dict[str, set[int]] | None = None  # metric → steps that the run holds

    def send(self, record: Record) -> None:
        """Send one record. Raises Refused for one that can never arrive, AnotherHistory where the
        MLflow run must be left as it is, and MLflow's and the network's own exceptions."""
        match record:
            case Resumed():
                self._client.update_run(self.run_id, status=RUNNING)
            case WentBack():
                self._go_back(record)
            case Params():
                self._send_texts(params=record.values)
            case Tags():
                self._send_texts(tags=record.values)
            case Metrics():
                self._send_metrics(record)
            case DatasetUsed():
                self._send_dataset(record)
            case Artifact():
                self._send_file(record)
            case Finished():
                self._find_parent()
                self._client.set_terminated(self.run_id, record.status, record.time)

    def _send_texts(
        self,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Param, RunTag

        for part in _chunks(params or {}):
            self._client.log_batch(self.run_id, params=[Param(k, v) for k, v in part.items()])
        for part in _chunks(tags or {}):
            self._client.log_batch(self.run_id, tags=[RunTag(k, v) for k, v in part.items()])

    def _send_metrics(self, record: Metrics) -> None:
        from mlflow.entities import Metric

        held = self._held_metrics()
        fresh = [
            # an infinity would be stored as 1.8e308 and flatten every chart that it is in
            Metric(name, value if math.isfinite(value) else math.nan, record.time, record.step)
            for name, value in record.values.items()
            if record.step not in held.get(name, ())
        ]
        if fresh:
            self._client.log_batch(self.run_id, metrics=fresh)
        for metric in fresh:
            held.setdefault(metric.key, set()).add(metric.step)

    def _go_back(self, record: WentBack) -> None:
        """Let go of the run if it holds epochs that will not repeat; raises AnotherHistory."""
        held = self._held_metrics()
        behind = {step for steps in held.values() for step in steps if step > record.epoch}
        if not record.changed or not behind:
            return
        run = self._client.get_run(self.run_id)
        if SET_ASIDE not in run.data.tags:
            name = f"{run.info.run_name}, set aside behind epoch {record.epoch}"
            self._client.update_run(self.run_id, status=KILLED, name=name)
            self._client.set_tag(self.run_id, SET_ASIDE, str(record.epoch))
        if KEY_TAG in run.data.tags:
            self._client.delete_tag(self.run_id, KEY_TAG)  # the new one is found by it
        raise AnotherHistory

    def _find_parent(self) -> None:
        """Link a run that arrived before its parent did."""
        run = self._client.get_run(self.run_id)
        if PARENT_TAG in run.data.tags and _MLFLOW_PARENT not in run.data.tags:
            if parent := _parent(self._client, run.info.experiment_id, run.data.tags):
                self._client.set_tag(self.run_id, _MLFLOW_PARENT, parent)

    def _held_metrics(self) -> dict[str, set[int]]:
        """What the run held before this process sent anything: asked once."""
        if self._held is None:
            names = self._client.get_run(self.run_id).data.metrics
            self._held = {
                name: {point.step for point in self._client.get_metric_history(self.run_id, name)}
                for name in names
            }
        return self._held

    def _send_dataset(self, used: DatasetUsed) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=used.name,
            digest=used.fingerprint[:36],
            source_type="local",
            source=json.dumps({"uri": used.source}, ensure_ascii=False),
            profile=json.dumps(dict(used.profile), ensure_ascii=False),
        )
        tag = InputTag("mlflow.data.context", used.context)
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [tag])])

    def _send_file(self, artifact: Artifact) -> None:
        path = self._run_dir / artifact.file
        if not path.resolve().is_relative_to(self._run_dir.resolve()):
            raise Refused(f"{path} leaves the run's folder")  # a journal may be somebody else's
        if not path.is_file():
            raise Refused(f"{path} was removed before it could be sent")
        self._client.log_artifact(self.run_id, str(path), artifact.folder or None)


def _chunks(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    pairs = iter(values.items())
    while part := dict(islice(pairs, _PER_REQUEST)):
        yield part
