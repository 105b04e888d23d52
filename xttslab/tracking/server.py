"""Starts an MLflow server for `tracking=server`: `make server`.

The database is named by MLFLOW_BACKEND_STORE_URI alone (it may hold a password), the place for
files by MLFLOW_ARTIFACTS_DESTINATION; without them both are in `mlruns/server`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from xttslab.errors import UserError
from xttslab.tracking.client import ARTIFACTS, sqlite_uri, without_credentials
from xttslab.tracking.ui import FILES_VARIABLE, STORE_VARIABLE, serving, wait_until_stopped

_POSTGRES = ("postgresql://", "postgresql+psycopg://")
_OWN = Path("mlruns/server")


def serve(port: int, host: str) -> None:
    """Serve until SIGINT or SIGTERM. Raises UserError if the server does not start."""
    uri = os.environ.get(STORE_VARIABLE) or sqlite_uri((_OWN / "mlflow.db").absolute())
    artifacts = os.environ.get(FILES_VARIABLE) or str((_OWN / ARTIFACTS).absolute())
    _require_driver(uri)
    _OWN.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"Starting MLflow over {without_credentials(uri)}, files in {artifacts} …", flush=True)
    with serving(uri, port, host, artifacts) as address:
        print(f"Server: {address}", flush=True)
        print(f"Train with: tracking=server tracking.uri={address}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        wait_until_stopped()


def _require_driver(uri: str) -> None:
    from importlib.util import find_spec

    if uri.startswith(_POSTGRES) and find_spec("psycopg") is None:
        raise UserError(
            f'{STORE_VARIABLE}: PostgreSQL needs a driver: pip install "xttslab[server]"'
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m xttslab.tracking.server", description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--host", default="127.0.0.1", help="of this machine alone by default")
    options = parser.parse_args()
    try:
        serve(options.port, options.host)
    except UserError as fault:
        sys.exit(f"error: {fault}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
