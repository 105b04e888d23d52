"""Empty MLflow stores, quickly, and a server whose network can fail in every way."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

from xttslab.tracking.client import URI_VARIABLE, open_client


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without experiments, made once (8 s) and shared by all workers."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    database = root / "empty.db"
    with FileLock(root / "empty.lock"):
        if not database.exists():
            made = root / "making.db"
            open_client(f"sqlite:///{made}")
            made.rename(database)
    return database


@pytest.fixture
def uri(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of this test alone."""
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    database = tmp_path / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    shutil.copy(empty_database, database)
    return f"sqlite:///{database}"


class Line:
    """A line to a server. `state`: "up", "down" (connections break), "failing" (500), "deaf" (the
    server acts, but its first answer to each change gets lost), "slow" (0.2 s more), "stuck" (no
    answer until `released`)."""

    def __init__(self, server: str) -> None:
        self.state = "up"
        self.lost: set[bytes] = set()
        self.released = threading.Event()
        line, target = self, urlsplit(server).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                state = line.state
                if state == "down":
                    self.close_connection = True
                    return
                if state == "failing":
                    self.send_error(500, "out of order")
                    return
                if state == "slow":
                    time.sleep(0.2)
                if state == "stuck":
                    line.released.wait(60)
                connection = HTTPConnection(target, timeout=60)
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                content = response.read()
                connection.close()
                change = self.command != "GET" and not self.path.endswith("/search")
                request = f"{self.command} {self.path} ".encode() + body
                if state == "deaf" and change and request not in line.lost:
                    line.lost.add(request)
                    self.close_connection = True
                    return
                self.send_response(response.status)
                self.send_header("Content-Type", response.headers.get("Content-Type", ""))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with suppress(BrokenPipeError):  # whoever asked was killed meanwhile
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._proxy.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._proxy.server_port}"
        threading.Thread(target=self._proxy.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()


@pytest.fixture(scope="module")
def server(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on loopback, its own store behind it."""
    from xttslab.tracking.ui import serving

    database = tmp_path_factory.mktemp("server") / "mlflow.db"
    shutil.copy(empty_database, database)
    with socket.socket() as free:  # of another test run's server, too
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serving(f"sqlite:///{database}", port) as address:
        yield address


@pytest.fixture
def line(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    line = Line(server)
    yield line
    line.close()
