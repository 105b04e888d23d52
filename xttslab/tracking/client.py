"""The one door to MLflow: a tracking URI in, a quiet MlflowClient out.

Credentials come from the environment alone (MLFLOW_TRACKING_USERNAME and the like, or inside
MLFLOW_TRACKING_URI) and are never written anywhere.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from filelock import FileLock

from xttslab.errors import UserError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DEFAULT_URI = "sqlite:///mlruns/mlflow.db"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"
_BUSY_TIMEOUT_S = 60  # sqlite gives up after 5 s by default; eight runs may share one file
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
    return f"{_SQLITE}{database}" if database else uri


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
    return Path(uri.removeprefix(_SQLITE)).absolute() if uri.startswith(_SQLITE) else None


def check_writable(uri: str) -> None:
    """Raises UserError naming the folder and the remedy if a local store cannot be written."""
    database = database_file(uri)
    if not database:
        return
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
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
    with FileLock(database.with_name(f".{database.name}.lock")):
        return MlflowClient(f"{_SQLITE}{database}?timeout={_BUSY_TIMEOUT_S}")


def first_line(fault: Exception) -> str:
    """What went wrong in one line without credentials; of nested HTTP faults the innermost."""
    line = (str(fault).splitlines() or [type(fault).__name__])[0]
    cause = re.search(r"Caused by \w+\(['\"]?(.*?)['\"]?\)*$", line)
    words = (cause[1].rpartition(": ")[2] if cause else line).split(" ")
    shown = " ".join(without_credentials(word) if "://" in word else word for word in words)
    return shown if len(shown) <= _LONGEST_FAULT else shown[: _LONGEST_FAULT - 1] + "…"
