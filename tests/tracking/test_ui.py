import socket

import pytest

from xttslab.errors import UserError
from xttslab.tracking import ui
from xttslab.tracking.client import open_client
from xttslab.tracking.store import RunTracker


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
