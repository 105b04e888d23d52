"""The records of a run's journal, and the state of the run that they add up to.

A journal line is one JSON object with the record's class name under `kind`. `replay` applies a
run's records in order, by the rules by which MLflow gets them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

METRICS_FILE = "metrics.jsonl"  # in a run's folder: a line an epoch
SUCCEEDED = "finished"  # an empty file in the folder of a run that has nothing left to do
EVALUATED = "evaluation/epoch"  # metric: of whose weights the scores of the same step are
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"


@dataclass(frozen=True)
class Started:
    """The run begins. `key` is unique to the run and finds it again on any server."""

    key: str
    name: str
    experiment: str
    tags: Mapping[str, str]
    time: int  # ms since 1970, as in every record


@dataclass(frozen=True)
class Resumed:
    """The run goes on for the `number`-th time after an interruption."""

    number: int
    time: int


@dataclass(frozen=True)
class WentBack:
    """The run goes on from its state after `epoch`: what it logged of later epochs is set aside.

    `changed`: its parameters or data are others since, so that those epochs will not repeat.
    """

    epoch: int  # -1: before anything
    changed: bool
    time: int


@dataclass(frozen=True)
class Params:
    """Parameters by name, which the run did not have before."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Tags:
    """Tags by name; of several values the last one counts."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class Metrics:
    """Values of one epoch; what is not finite is kept here and becomes NaN in MLflow."""

    step: int
    values: Mapping[str, float]
    time: int


@dataclass(frozen=True)
class DatasetUsed:
    """A data set that the run uses: a hash of its content, the folder or address that it came from,
    what it is for, and numbers about it, such as clips and minutes."""

    name: str
    fingerprint: str
    source: str
    context: str
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class Artifact:
    """A file, relative to the run's folder, and the MLflow folder that it goes to."""

    file: str
    folder: str


@dataclass(frozen=True)
class Finished:
    """The run has ended, as FINISHED, FAILED or KILLED."""

    status: str
    time: int


Record = Started | Resumed | WentBack | Params | Tags | Metrics | DatasetUsed | Artifact | Finished
_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        Started,
        Resumed,
        WentBack,
        Params,
        Tags,
        Metrics,
        DatasetUsed,
        Artifact,
        Finished,
    )
}


def encode(record: Record) -> bytes:
    """One line of strict JSON; NaN and infinities are written as strings."""
    content = {"kind": type(record).__name__, **asdict(record)}
    if isinstance(record, Metrics):
        content["values"] = plain_numbers(record.values)
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Record:
    """The record of a journal line. Raises ValueError if it is none."""
    try:
        content = json.loads(line)
        kind = _KINDS[content.pop("kind")]
        if kind is Metrics:
            content["values"] = {name: float(value) for name, value in content["values"].items()}
        return kind(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"not a journal line: {line[:80]!r}") from fault


def plain_numbers(values: Mapping[str, float]) -> dict[str, float | str]:
    """JSON has no NaN and no infinity: they become "nan", "inf", "-inf" (`float` reads them)."""
    return {name: v if math.isfinite(v) else str(float(v)) for name, v in values.items()}


def metrics_lines(rows: Mapping[int, Mapping[str, float]]) -> str:
    """The content of `metrics.jsonl` for epoch → {metric: value}."""
    lines = (json.dumps({"epoch": step, **plain_numbers(row)}) for step, row in rows.items())
    return "".join(f"{line}\n" for line in lines)


def read_metrics(run_dir: Path) -> dict[int, dict[str, float]]:
    """Epoch → {metric: value} of `metrics.jsonl` in a run's folder; empty where there is none."""
    path = run_dir / METRICS_FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = {row.pop("epoch"): row for row in map(json.loads, lines)}
    return {epoch: {name: float(v) for name, v in row.items()} for epoch, row in rows.items()}


@dataclass
class RunState:
    """What a run holds after its records: `metrics` is name → {step: value}."""

    key: str = ""
    name: str = ""
    experiment: str = ""
    status: str = RUNNING
    resumes: int = 0
    fingerprint: str = ""  # of the data that it used last
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[int, float]] = field(default_factory=dict)

    def rows(self) -> dict[int, dict[str, float]]:
        """The metrics as step → {name: value}, in the order of the steps."""
        rows: dict[int, dict[str, float]] = {}
        for name, history in self.metrics.items():
            for step, value in history.items():
                rows.setdefault(step, {})[name] = value
        return dict(sorted(rows.items()))


def replay(records: Iterable[Record]) -> RunState:
    """What a run holds after these records, in their order."""
    state = RunState()
    for record in records:
        apply(state, record)
    return state


def apply(state: RunState, record: Record) -> None:
    """Change `state` by one record; the first value of a (metric, step) stays, unless the run went
    back to an epoch before."""
    match record:
        case Started():
            state.key, state.name, state.experiment = record.key, record.name, record.experiment
            state.tags.update(record.tags)
        case Resumed():
            state.resumes, state.status = record.number, RUNNING
        case Params():
            state.params.update(record.values)
        case Tags():
            state.tags.update(record.values)
        case Metrics():
            for name, value in record.values.items():
                state.metrics.setdefault(name, {}).setdefault(record.step, value)
        case Finished():
            state.status = record.status
        case WentBack():
            state.metrics = counting(state.metrics, record.epoch)
        case DatasetUsed():
            state.fingerprint = record.fingerprint
        case Artifact():
            pass


def counting(metrics: Mapping[str, Mapping[int, float]], epoch: int) -> dict[str, dict[int, float]]:
    """Name → {step: value} without the steps behind `epoch`."""
    cut = {
        name: {step: value for step, value in history.items() if step <= epoch}
        for name, history in metrics.items()
    }
    return {name: history for name, history in cut.items() if history}


class OtherLogger(Protocol):
    """What a run tells a logger beside MLflow: the interface of Lightning's `Logger`."""

    def log_hyperparams(self, params: Any) -> None: ...
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...
    def finalize(self, status: str) -> None: ...


class Tracker(Protocol):
    """What a training needs of its tracker."""

    @property
    def run_id(self) -> str | None: ...
    def log_params(self, params: Mapping[str, object]) -> None: ...
    def set_tags(self, tags: Mapping[str, object]) -> None: ...
    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None: ...
    def go_back(self, epoch: int) -> None: ...
    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: str,
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None: ...
    def log_artifact(self, path: Path, folder: str = "") -> None: ...
    def log_text(self, text: str, file: str) -> None: ...
    def finish(self, status: str = FINISHED, patience_s: float = ...) -> bool: ...


class NullTracker:
    """Tracks nothing: for ranks other than 0 and for dry runs."""

    run_id: str | None = None

    def log_params(self, params: Mapping[str, object]) -> None:
        pass

    def set_tags(self, tags: Mapping[str, object]) -> None:
        pass

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        pass

    def go_back(self, epoch: int) -> None:
        pass

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: str,
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        pass

    def log_artifact(self, path: Path, folder: str = "") -> None:
        pass

    def log_text(self, text: str, file: str) -> None:
        pass

    def finish(self, status: str = FINISHED, patience_s: float = 0.0) -> bool:
        return True
