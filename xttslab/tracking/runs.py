"""Finds a tracked run by id, name, path or `best:DATASET` and reads its record."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, TypeVar

from xttslab.errors import UserError
from xttslab.files import found_path, is_absolute, moved_places
from xttslab.tracking.client import (
    DEFAULT_URI,
    database_file,
    first_line,
    open_client,
    tracking_uri,
    without_credentials,
)
from xttslab.tracking.journal import Journal
from xttslab.tracking.lookup import BEST_ON, listing, no_run, no_run_on, require_run, run_folder
from xttslab.tracking.records import FINISHED, replay
from xttslab.tracking.writer import KEY_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")
PAGE = 1000  # runs that a store is asked for at once
_SIZES = "model.architecture."
_NO_VOICE = "dvae"  # the stage whose runs speak only with a GPT that learned their codes
_WEIGHTS = "best.safetensors"  # of the best epoch so far, as `model.base` calls it
_RESUMED = re.compile(r"resume\.(\d+)\.(.+)")  # a parameter that the n-th resumption changed
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class RunRecord:
    """A tracked run. `run_id` is empty for a checkpoint that no run made; `run_dir` and
    `checkpoint` (its best) are None where this disk does not have them; `metrics` are the last
    values."""

    run_id: str
    name: str
    status: str
    run_dir: Path | None
    checkpoint: Path | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    _read: Callable[[str], dict[int, float]] = field(repr=False, compare=False)

    def history(self, metric: str) -> dict[int, float]:
        """Epoch → value, in the order of the epochs; empty if the run has no such metric."""
        return dict(sorted(self._read(metric).items())) if metric in self.metrics else {}

    def changes(self) -> list[tuple[str, str, str]]:
        """Parameters that were changed when the run was resumed: name, former and new value, the
        newest change last."""
        resumed = (_RESUMED.fullmatch(tag) for tag in self.tags)
        tags = sorted((int(m[1]), m[2]) for m in resumed if m and m[2] != "resume")
        values, found = dict(self.params), []
        for number, name in tags:
            value = self.tags[f"resume.{number}.{name}"]
            found.append((name, values.get(name, ""), value))
            values[name] = value
        return found


def find_run(
    reference: str, uri: str = DEFAULT_URI, model: Mapping[str, str] | None = None
) -> RunRecord:
    """The run that `reference` names: a checkpoint or run folder on this disk, an MLflow run id,
    a run name (the newest of that name), or `best:DATASET`.

    `best:DATASET` is the finished run on that data set with the lowest `best_value` among those
    that watched what the newest of them watched and are of its model: losses compare within one
    model alone; a DVAE, which has no voice, is none of them. `model` asks for another:
    `model.name` and sizes as a run's parameters name them. Raises UserError that lists what
    there is when nothing matches, or says that the store cannot be reached.
    """
    path = Path(reference).expanduser()
    run_dir = run_folder(path)
    if run_dir or path.is_file():
        return _on_disk(path, run_dir)
    require_run(reference, uri)
    store = _Store(tracking_uri(uri))
    if reference.startswith(BEST_ON):
        return _best(store, reference.removeprefix(BEST_ON), model)
    if _RUN_ID.fullmatch(reference):
        found = store.search(f"attributes.run_id = '{reference}'")
    else:
        found = store.search(_equals("attributes.run_name", reference))
        found = [run for run in found if run.info.run_name == reference]
    if not found:
        raise no_run(reference, store.shown, [run.info.run_name for run in store.search()])
    return store.record(found[0])


class _Store:
    """Searches of one MLflow store, with its faults in one line."""

    def __init__(self, uri: str) -> None:
        self.shown = without_credentials(uri)
        database = database_file(uri)
        self._project = database.parent.parent if database else Path()
        self._client: MlflowClient = self._ask(lambda: open_client(uri))

    def search(self, condition: str = "") -> list[Run]:
        """Runs that are not deleted, of every experiment, newest first."""

        def ask() -> list[Run]:
            experiments = [e.experiment_id for e in self._client.search_experiments()]
            search = partial(self._client.search_runs, experiments, condition, max_results=PAGE)
            page = search()
            found = list(page)
            while page.token:
                page = search(page_token=page.token)
                found += page
            return found

        return self._ask(ask)

    def record(self, run: Run) -> RunRecord:
        tags = run.data.tags
        run_dir = self._run_dir(tags)

        def read(metric: str) -> dict[int, float]:
            history = self._ask(lambda: self._client.get_metric_history(run.info.run_id, metric))
            return {point.step: point.value for point in history}

        return RunRecord(
            run.info.run_id,
            run.info.run_name,
            run.info.status,
            run_dir,
            _checkpoint(tags, run_dir),
            run.data.params,
            tags,
            run.data.metrics,
            read,
        )

    def _run_dir(self, tags: Mapping[str, str]) -> Path | None:
        """The run's folder: in the project of the store, wherever that is now, or as noted."""
        stored = tags.get("run_dir")
        if not stored:
            return None
        places: Iterable[Path] = (Path(stored), self._project / stored)
        if is_absolute(stored):  # only a journal tells that a folder of that name is the run's
            moved = moved_places(stored, self._project, least=1)
            places = chain((p for p in moved if Journal(p).exists()), [Path(stored)])
        return next((p for p in places if p.is_dir() and not _of_another(p, tags)), None)

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return question()
        except (MlflowException, SQLAlchemyError, OSError) as fault:
            raise UserError(
                f"the tracking store {self.shown} does not answer ({first_line(fault)}); start it, "
                "correct tracking.uri or MLFLOW_TRACKING_URI, or give a checkpoint's path"
            ) from fault


def _best(store: _Store, dataset: str, model: Mapping[str, str] | None) -> RunRecord:
    finished = f"attributes.status = '{FINISHED}'"
    runs = [
        run
        for run in store.search(_equals("tags.dataset", dataset, f"{finished} and "))
        if run.data.tags.get("dataset") == dataset
        and math.isfinite(_best_value(run))
        and run.data.tags.get("stage") != _NO_VOICE
    ]
    alike = [run for run in runs if model is None or _is_of(run, model)]
    if not alike:
        raise _no_best(store, dataset, runs, model, finished)
    newest = alike[0]
    alike = [
        run
        for run in alike
        if run.data.tags.get("monitor") == newest.data.tags.get("monitor")
        and _is_of(run, _model_of(newest))
    ]
    ranked = sorted(alike, key=_best_value)
    records = map(store.record, ranked)  # a folder is looked for only as far as one is needed
    usable = next((record for record in records if record.checkpoint), store.record(ranked[0]))
    if usable.run_id != ranked[0].info.run_id:
        better = ranked[0].info.run_name
        log.warning(
            "run %s is better than %s, but its checkpoint is not on this disk", better, usable.name
        )
    return usable


def _no_best(
    store: _Store,
    dataset: str,
    runs: Sequence[Run],
    model: Mapping[str, str] | None,
    finished: str,
) -> UserError:
    if runs and model:
        others = listing("its runs are of", [_described(_model_of(run)) for run in runs])
        missing = f"no finished run of {_described(model)} on data set {dataset!r}"
        remedy = "choose that model=, or name a run"
        return UserError(f"{missing} in {store.shown}; {others}; {remedy}")
    tags = [run.data.tags for run in store.search(finished)]
    known = [of_run["dataset"] for of_run in tags if "dataset" in of_run]
    return no_run_on(dataset, store.shown, known)


def _model_of(run: Run) -> dict[str, str]:
    """The model's name and sizes, as far as the run noted them."""
    params = run.data.params
    sizes = {name: value for name, value in params.items() if name.startswith(_SIZES)}
    name = run.data.tags.get("model") or params.get("model.name")
    return sizes | ({"model.name": name} if name else {})


def _is_of(run: Run, model: Mapping[str, str]) -> bool:
    """Whether nothing that the run noted of its model contradicts `model`."""
    own = _model_of(run)
    return all(own.get(name, value) == value for name, value in model.items())


def _described(model: Mapping[str, str]) -> str:
    """`xtts_v2 (30 layers × 1024)`."""
    layers, width = (model.get(f"{_SIZES}{name}") for name in ("layers", "model_dim"))
    return f"{model.get('model.name')}" + (f" ({layers} layers × {width})" if layers else "")


def _equals(column: str, value: str, and_also: str = "") -> str:
    """A condition of MLflow's filters. They know no escapes: a value with quotes of both kinds is
    matched by `LIKE` with any character in their place, and the caller compares what is found."""
    if '"' in value:
        pattern = re.sub("['\"]", "_", value)
        return f"{and_also}{column} LIKE '{pattern}'"
    return f'{and_also}{column} = "{value}"'


def _best_value(run: Run) -> float:
    try:
        return float(run.data.tags.get("best_value", "nan"))
    except ValueError:
        return math.nan


def _on_disk(path: Path, run_dir: Path | None) -> RunRecord:
    """A run from its journal; a file that lies in no run's folder is a record of itself alone."""
    checkpoint = path if path.is_file() else None
    if run_dir is None:
        return RunRecord("", path.stem, FINISHED, path.parent, path, {}, {}, {}, lambda _: {})
    journal = Journal(run_dir)
    state = replay(record for record, _ in journal.read())
    known = journal.destination()
    return RunRecord(
        known.run_id if known else "",
        state.name,
        state.status,
        run_dir,
        checkpoint or _checkpoint(state.tags, run_dir),
        state.params,
        state.tags,
        {name: history[max(history)] for name, history in state.metrics.items()},
        state.metrics.__getitem__,
    )


def _of_another(run_dir: Path, tags: Mapping[str, str]) -> bool:
    """Whether a folder holds a run that has another key than these tags."""
    start, key = Journal(run_dir).started(), tags.get(KEY_TAG)
    return start is not None and key not in (start.key, None)


def _checkpoint(tags: Mapping[str, str], run_dir: Path | None) -> Path | None:
    """The best checkpoint: in the run's folder, or where the run noted it when it had ended."""
    noted = tags.get("checkpoint")
    name = PureWindowsPath(noted).name if noted else _WEIGHTS  # reads both kinds of slashes
    kept = run_dir / "checkpoints" / name if run_dir else None
    if kept and kept.is_file():
        return kept
    if not noted:
        return None
    found = found_path(noted, run_dir or Path(), Path.is_file)
    return found if found and not _of_another(found.parent.parent, tags) else None
