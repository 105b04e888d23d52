import socket
import subprocess
import sys

import psutil
import pytest

from xttslab.errors import UserError
from xttslab.tracking import ui
from xttslab.tracking.client import open_client
from xttslab.tracking.run_tracker import RunTracker


def test_landing_is_the_experiment_with_the_newest_run(tmp_path, uri):
    assert ui.landing(uri) == "/#/experiments?workflowType=machine_learning"
    for name in ("older", "newer"):
        RunTracker.start(tmp_path / name, name, name, uri).finish()
    number = open_client(uri).get_experiment_by_name("newer").experiment_id
    view = "runs?workflowType=machine_learning&compareRunsMode=CHART"
    assert ui.landing(uri) == f"/#/experiments/{number}/{view}"


def test_taken_port_gives_the_next_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < ui._free_port("127.0.0.1", port) < port + 20


def test_a_taken_port_looks_taken_on_windows_too(monkeypatch):
    """There SO_REUSEADDR would give it out twice."""
    asked = []

    class Probe(socket.socket):
        def setsockopt(self, level, option, value):
            asked.append(option)

    monkeypatch.setattr(ui.socket, "socket", Probe)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", 77, raising=False)
    ui._free_port("127.0.0.1", 5750)
    monkeypatch.delattr(socket, "SO_EXCLUSIVEADDRUSE")
    ui._free_port("127.0.0.1", 5750)
    assert asked == [77, socket.SO_REUSEADDR]


@pytest.mark.parametrize("deaf", [False, True], ids=["polite", "deaf"])
def test_a_server_ends_with_all_that_it_started(monkeypatch, deaf):
    monkeypatch.setattr(ui, "_PATIENCE_S", 0.3 if deaf else 10.0)
    ears = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if deaf else "pass"
    sleep = f"import signal, time; {ears}; print(1, flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}]).wait()"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    server.stdout.readline()
    (worker,) = psutil.Process(server.pid).children()
    ui._stop(server)
    assert server.poll() is not None
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    ui._stop(server)  # once more does no harm


@pytest.mark.posix
def test_server_that_does_not_start_says_why(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho starting\necho port taken >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(ui.sys, "executable", str(python))
    with (
        pytest.raises(UserError, match="MLflow's server did not start: port taken"),
        ui.serving("http://host:5000", port=5700),
    ):
        pass
