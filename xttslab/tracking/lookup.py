"""Checks on disk whether a run exists, without importing MLflow's client.

That import takes seconds, which a mistyped name should not cost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from xttslab.errors import UserError
from xttslab.tracking.client import (
    DEFAULT_URI,
    database_file,
    tracking_uri,
    without_credentials,
)
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FINISHED

BEST_ON = "best:"  # with the name of a data set
_NAMED_IN_ERRORS = 8


def require_run(reference: str, uri: str = DEFAULT_URI) -> None:
    """Raise UserError as `find_run` does, where the disk shows that there is no such run.

    An sqlite store is read without MLflow's client, whose import takes seconds. Another store, or
    one whose tables are not as expected, is left to `find_run`.
    """
    path = Path(reference).expanduser()
    if run_folder(path) or path.is_file():
        return
    uri = tracking_uri(uri)
    database = database_file(uri)
    if not database:
        return
    shown = without_credentials(uri)
    if not database.is_file():
        raise UserError(
            f"no run yet: {database} does not exist; train first, or name the store with "
            "tracking.uri or MLFLOW_TRACKING_URI"
        )
    try:
        runs = _sqlite_runs(database)
    except sqlite3.Error:
        return
    if reference.startswith(BEST_ON):
        dataset = reference.removeprefix(BEST_ON)
        finished = [run for run in runs if run.status == FINISHED]
        if all(run.dataset != dataset for run in finished):
            raise no_run_on(dataset, shown, [run.dataset for run in finished if run.dataset])
    elif all(reference not in (run.run_id, run.name) for run in runs):
        raise no_run(reference, shown, [run.name for run in runs])


def require_start(init_from: str, uri: str = DEFAULT_URI) -> None:
    """Raise UserError where the disk shows that `init_from` is neither a path nor a run."""
    if init_from and not Path(init_from).exists():
        require_run(init_from, uri)


class _SqliteRun(NamedTuple):
    run_id: str
    name: str
    status: str
    dataset: str | None


def _sqlite_runs(database: Path) -> list[_SqliteRun]:
    """The runs of an sqlite store that are not deleted."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT runs.run_uuid, runs.name, runs.status, tags.value FROM runs LEFT JOIN tags "
            "ON tags.run_uuid = runs.run_uuid AND tags.key = 'dataset' "
            "WHERE runs.lifecycle_stage = 'active'"
        )
        return [_SqliteRun(*row) for row in rows]


def no_run(reference: str, shown: str, names: Sequence[str]) -> UserError:
    """The error for a run that is neither in the store nor on disk; `names` are those in it."""
    return UserError(
        f"run {reference!r} is not in {shown} and names no checkpoint or run folder; "
        f"{listing('runs there', names)}"
    )


def no_run_on(dataset: str, shown: str, known: Sequence[str]) -> UserError:
    """The error for `best:DATASET` without a finished run; `known` are the sets that have one."""
    found = listing("there are runs on", known)
    return UserError(f"no finished run on data set {dataset!r} in {shown}; {found}")


def run_folder(path: Path) -> Path | None:
    """The folder with a journal that `path` is or lies in."""
    if not path.exists():
        return None
    folders = (path, *path.resolve().parents)
    return next((folder for folder in folders if Journal(folder).exists()), None)


def listing(label: str, names: Sequence[str]) -> str:
    """The names in one line, the first eight of many."""
    unique = sorted(set(names))
    if not unique:
        return f"{label}: none"
    more = len(unique) - _NAMED_IN_ERRORS
    shown = ", ".join(unique[:_NAMED_IN_ERRORS])
    return f"{label}: {shown}" + (f" and {more} more" if more > 0 else "")
