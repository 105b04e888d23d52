"""Opens MLflow clients, and corrects artifact addresses in an sqlite store that was moved.

MLflow stores absolute addresses: in a project that was renamed or copied, new artifacts would go to
the old place and old ones would be looked for there.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from filelock import FileLock

from xttslab.errors import UserError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

ARTIFACTS = "artifacts"  # the folder of files, beside the database
DEFAULT_URI = "sqlite:///mlruns/mlflow.db"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
_GONE = (
    "this folder of the tracking store is gone; mount or restore it, or name the store's new place "
    "with tracking.uri or MLFLOW_TRACKING_URI (python -m xttslab.sync uri=… sends runs there)"
)
# Table, its key, its column of addresses, and how many folders lie between that of its files, which
# is named by the key, and the experiment's.
_ADDRESSED = (
    ("runs", "run_uuid", "artifact_uri", 0),
    ("logged_models", "model_id", "artifact_location", 1),
)
_BUSY_S = 60  # sqlite gives up after 5 s by default; eight runs may share one file
_LONGEST_FAULT = 200
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Resending is ours alone: MLflow's own retry of a creation whose answer got lost makes two runs.
_NO_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def tracking_uri(configured: str = DEFAULT_URI) -> str:
    """The store to use: MLFLOW_TRACKING_URI if set, else `configured`, files as absolute paths.

    Raises UserError if the configured URI holds credentials (it would be stored with the run).
    """
    from_environment = os.environ.get(URI_VARIABLE, "")
    if not from_environment and configured != without_credentials(configured):
        raise UserError(
            f"tracking.uri {without_credentials(configured)} holds a user or password; put them "
            "into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    uri = from_environment or configured
    database = database_file(uri)
    return sqlite_uri(database) if database else uri


def without_credentials(uri: str) -> str:
    """The URI as it may be stored and shown: no user, no password, no query."""
    parts = urlsplit(uri)
    if not parts.hostname:
        return uri
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def database_file(uri: str) -> Path | None:
    """The absolute path of an sqlite store, None for any other."""
    return Path(uri.removeprefix(SQLITE)).absolute() if uri.startswith(SQLITE) else None


def sqlite_uri(database: Path) -> str:
    """The URI of an sqlite store, with forward slashes on every system."""
    return f"{SQLITE}{database.as_posix()}"


def store_holds(database: Path, run_id: str) -> bool:
    """Whether an sqlite file is an MLflow store that holds the run."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as store:
            found = store.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    except sqlite3.Error:
        return False
    return found is not None


def check_writable(uri: str) -> None:
    """Make the folder of a local store where only that is missing, and try to write there.

    Raises UserError that names the folder and the remedy. A folder above that is gone is never
    made again: the store was moved, or its disk is not there.
    """
    database = database_file(uri)
    if not database:
        return
    if not database.parent.parent.is_dir():
        raise UserError(f"{database.parent}: {_GONE}")
    try:
        database.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=database.parent):
            pass
        if database.exists():
            database.open("ab").close()
    except OSError as fault:
        raise UserError(
            f"{database.parent}: cannot be written ({fault.strerror}); make it a writable folder, "
            f"or name another store with tracking.uri or {URI_VARIABLE}"
        ) from fault


def open_client(uri: str) -> MlflowClient:
    """A client of the store. The tables of a new sqlite store are made by one process at a time.

    Raises MlflowException while a database cannot be reached.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.update(_NO_RETRIES)
    from mlflow.tracking import MlflowClient

    for chatty in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    database = database_file(uri)
    if not database:
        return MlflowClient(uri)
    if not database.parent.is_dir():
        raise FileNotFoundError(f"{database.parent}: {_GONE}")
    with FileLock(database.with_name(f".{database.name}.lock")):
        relocate_artifacts(database)
        return MlflowClient(f"{sqlite_uri(database)}?timeout={_BUSY_S}")


def first_line(fault: Exception) -> str:
    """What went wrong in one line without credentials; of nested HTTP faults the innermost."""
    line = (str(fault).splitlines() or [type(fault).__name__])[0]
    cause = re.search(r"Caused by \w+\(['\"]?(.*?)['\"]?\)*$", line)
    words = (cause[1].rpartition(": ")[2] if cause else line).split(" ")
    shown = " ".join(without_credentials(word) if "://" in word else word for word in words)
    return shown if len(shown) <= _LONGEST_FAULT else shown[: _LONGEST_FAULT - 1] + "…"


def relocate_artifacts(database: Path) -> None:
    """Set the addresses of experiments, runs and logged models whose files belong beside `database`
    to that place.

    Files that are at the old place alone are copied. Experiments that keep their files
    elsewhere on purpose stay as they are.
    """
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, timeout=_BUSY_S)) as store, store:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = {name for (name,) in store.execute(query)}
            if "experiments" not in tables:  # a new file has none yet
                return
            query = "SELECT experiment_id, artifact_location FROM experiments"
            for experiment, location in store.execute(query).fetchall():
                _relocate_experiment(store, tables, database.parent, experiment, location)
    except sqlite3.OperationalError as fault:
        raise OSError(f"{database}: {fault}") from fault


def _relocate_experiment(
    store: sqlite3.Connection, tables: set[str], folder: Path, experiment: int, location: str
) -> None:
    old = _local(location)
    if old is None:
        return
    query = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
    runs = [run for (run,) in store.execute(query, (experiment,))]
    home = _home(old, folder, runs)
    if home != old:
        query = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
        store.execute(query, (home.as_uri(), experiment))
        log.warning("tracking: this project was moved: its files are now in %s", home)
    for table, key, column, above in _ADDRESSED:
        if table not in tables:  # MLflow 2 had no logged models
            continue
        query = f"SELECT {key}, {column} FROM {table} WHERE experiment_id = ?"
        for name, address in store.execute(query, (experiment,)).fetchall():
            if new := _relocated(address, home, name, above):
                query = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
                store.execute(query, (new.as_uri(), name))


def _relocated(address: str, home: Path, name: str, above: int) -> Path | None:
    """Where the files of a run or model `name` are from now on, in the experiment's folder `home`;
    None where they are in it already, or elsewhere on purpose."""
    old = _local(address)
    if old is None or address.startswith(f"{home.as_uri()}/") or name not in old.parts:
        return None
    new = home.joinpath(*old.parts[old.parts.index(name) - above :])
    if old.is_dir() and not new.exists():
        shutil.copytree(old, new)
    return new


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
