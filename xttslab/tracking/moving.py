"""Corrects where an sqlite store says that its files are, after its project was moved.

MLflow stores absolute addresses: in a project that was renamed or copied, new artifacts would go to
the old place and old ones would be looked for there.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

log = logging.getLogger(__name__)

ARTIFACTS = "artifacts"  # the folder of files, beside the database
_BUSY_TIMEOUT_S = 60.0


def bring_files_home(database: Path) -> None:
    """Set the addresses of experiments and runs whose files belong beside `database` to that place.

    Files that a run has at the old place alone are copied. Experiments that keep their files
    elsewhere on purpose stay as they are.
    """
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, timeout=_BUSY_TIMEOUT_S)) as store, store:
            query = "SELECT experiment_id, artifact_location FROM experiments"
            for experiment, location in store.execute(query).fetchall():
                _mend_experiment(store, database.parent, experiment, location)
    except sqlite3.OperationalError as fault:
        if "no such table" not in str(fault):  # a new file has none yet
            raise OSError(f"{database}: {fault}") from fault


def _mend_experiment(
    store: sqlite3.Connection, folder: Path, experiment: int, location: str
) -> None:
    old = _local(location)
    if old is None:
        return
    query = "SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ?"
    runs = store.execute(query, (experiment,)).fetchall()
    home = _home(old, folder, [run for run, _ in runs])
    if home != old:
        query = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
        store.execute(query, (home.as_uri(), experiment))
        log.warning("tracking: this project was moved: its files are now in %s", home)
    for run, address in runs:
        if not address.startswith(f"{home.as_uri()}/"):
            _mend_run(store, home, run, address)


def _mend_run(store: sqlite3.Connection, home: Path, run: str, address: str) -> None:
    old = _local(address)
    if old is None or run not in old.parts:
        return
    new = home.joinpath(*old.parts[old.parts.index(run) :])
    if old.is_dir() and not new.exists():
        shutil.copytree(old, new)
    store.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (new.as_uri(), run))


def _home(old: Path, folder: Path, runs: Sequence[str]) -> Path:
    """Where an experiment's files belong that were in `old`, of the store in `folder`: `old` itself
    unless it was beside a database that had our name, or its runs' files lie beside ours."""
    home = folder / old.name
    if old.parent.name == folder.name and (old.name == ARTIFACTS or home.is_dir()):
        return home
    return home if any((home / run).is_dir() for run in runs) else old


def _local(address: str) -> Path | None:
    """The folder of a `file:` address or a plain path; None for one on a server."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(address) if address.startswith("/") else None
