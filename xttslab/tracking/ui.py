"""Serves MLflow's UI for a tracking store: `python -m xttslab.tracking.ui` (or `make ui`).

MLflow 3 greets with its page for language-model applications. `create_app`, an MLflow app plugin
(`mlflow server --app-name xttslab`), makes the bare address open the list of training runs with
their charts instead, and changes nothing else.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, NoReturn

import psutil

from xttslab.errors import UserError
from xttslab.tracking.client import (
    ARTIFACTS,
    DEFAULT_URI,
    QUIET,
    check_writable,
    database_file,
    open_client,
    tracking_uri,
    without_credentials,
)

if TYPE_CHECKING:
    from flask import Response

STORE_VARIABLE, FILES_VARIABLE = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION"
_STORE = "XTTSLAB_UI_STORE"  # tells the server's process which store to look into
_START_S = 180.0
_PORTS_TRIED = 20
_PATIENCE_S = 10.0
_VIEW = "workflowType=machine_learning&compareRunsMode=CHART"
# MLflow keeps these choices in the browser; a choice that the person made stays.
_GREETING = """<script>
(() => {
  const wanted = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
  };
  try {
    for (const key in wanted) if (localStorage.getItem(key) === null)
      localStorage.setItem(key, wanted[key]);
  } catch { /* a browser that stores nothing */ }
  if (location.hash.length < 3) location.replace("%s");
})();
</script>"""


def landing(uri: str) -> str:
    """The part of the address behind the host that shows the runs and charts of the experiment
    with the newest run; the list of experiments where there is no run yet."""
    client = open_client(uri)
    experiments = [e.experiment_id for e in client.search_experiments()]
    newest = client.search_runs(experiments, max_results=1) if experiments else []
    if not newest:
        return "/#/experiments?workflowType=machine_learning"
    return f"/#/experiments/{newest[0].info.experiment_id}/runs?{_VIEW}"


def create_app() -> Any:
    """MLflow's own server application, whose bare address opens at `landing`."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app

    pages.after_request(_greet)
    return app


def _greet(response: Response) -> Response:
    from flask import request

    if request.path != "/" or response.mimetype != "text/html":
        return response
    response.direct_passthrough = False
    script = _GREETING % landing(os.environ.get(_STORE) or tracking_uri())
    page = response.get_data(as_text=True).replace("<head>", f"<head>{script}", 1)
    response.set_data(page)
    response.headers["Cache-Control"] = "no-store"
    return response


@contextmanager
def serving(
    uri: str, port: int = 5000, host: str = "127.0.0.1", artifacts: str = ""
) -> Iterator[str]:
    """Run MLflow's server over the store until the context ends; yields its address.

    `artifacts` is where it keeps files (default: beside a database file). Takes the next free port
    if `port` is taken. Raises UserError with the server's last words if it does not start.
    """
    check_writable(uri)
    port = _free_port(host, port)
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "xttslab"]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    # by the environment: everybody on the machine can read a command line
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", _STORE: uri, STORE_VARIABLE: uri}
    database = database_file(uri)
    if artifacts or database:
        settings[FILES_VARIABLE] = artifacts or str(database.parent / ARTIFACTS)
    with tempfile.TemporaryFile() as words:
        server = subprocess.Popen(
            command,
            stdout=words,
            stderr=subprocess.STDOUT,
            env={**QUIET, **os.environ, **settings},
            start_new_session=True,  # Ctrl-C is for us, who stop it then
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # on Windows
        )
        try:
            address = f"http://{host}:{port}"
            _wait_for(address, server, words)
            yield address
        finally:
            _stop(server)


def _free_port(host: str, first: int) -> int:
    for port in range(first, first + _PORTS_TRIED):
        with socket.socket() as probe:
            # On Windows SO_REUSEADDR would also give a port that another server listens on.
            free_alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
            probe.setsockopt(socket.SOL_SOCKET, free_alone, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise UserError(f"ports {first} to {first + _PORTS_TRIED - 1} are taken; choose another --port")


def _wait_for(address: str, server: subprocess.Popen[bytes], words: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    words.seek(0)
    last = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    raise UserError(f"MLflow's server did not start: {last[-1] if last else 'it said nothing'}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with all processes that it started, by force if they take too long."""
    try:
        first = psutil.Process(server.pid)
        family = [*first.children(recursive=True), first]
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        _unless_gone(process.terminate)
    _, left = psutil.wait_procs(family, _PATIENCE_S)
    for process in left:
        _unless_gone(process.kill)
    psutil.wait_procs(left, _PATIENCE_S)
    server.wait()


def _unless_gone(step: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        step()


def wait_until_stopped() -> NoReturn:
    """Sleep until Ctrl-C or a signal ends the process."""
    while True:
        time.sleep(1)


def main() -> None:
    """Show the store until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m xttslab.tracking.ui", description=__doc__)
    parser.add_argument("--uri", default=DEFAULT_URI, help="MLFLOW_TRACKING_URI overrides it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    options = parser.parse_args()
    try:
        show(tracking_uri(options.uri), options.host, options.port, not options.no_browser)
    except UserError as fault:
        sys.exit(f"error: {fault}")
    except KeyboardInterrupt:
        pass


def show(uri: str, host: str, port: int, browser: bool) -> None:
    """Open the UI over a local store, or that of the server which `uri` names."""
    if uri.startswith(("http://", "https://")):
        _open(without_credentials(uri).rstrip("/") + landing(uri), browser)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("Starting MLflow …", flush=True)
    with serving(uri, port, host) as address:
        _open(address + landing(uri), browser)
        print("Ctrl-C ends it.", flush=True)
        wait_until_stopped()


def _open(address: str, browser: bool) -> None:
    print(f"Runs and charts: {address}", flush=True)
    if browser:
        webbrowser.open(address)


if __name__ == "__main__":
    main()
