"""The shared server: credentials stay in the environment, and what is missing is said."""

import importlib.util

import pytest

from xttslab.errors import UserError
from xttslab.tracking import server, ui

ADDRESS = "postgresql+psycopg://anna:titok@127.0.0.1:5432/mlflow"


def test_credentials_are_in_no_command_line(monkeypatch):
    started = {}

    def popen(command, **settings):
        started.update(settings, command=command)
        raise OSError("not started")

    monkeypatch.setattr(ui.subprocess, "Popen", popen)
    with pytest.raises(OSError, match="not started"), ui.serving(ADDRESS, artifacts="/files"):
        pass
    assert "titok" not in " ".join(started["command"])
    assert started["env"]["MLFLOW_BACKEND_STORE_URI"] == ADDRESS
    assert started["env"]["MLFLOW_ARTIFACTS_DESTINATION"] == "/files"
    assert "127.0.0.1" in started["command"]


def test_a_missing_driver_is_said_without_the_password(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", ADDRESS)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "xttslab\[server\]"'):
        server.serve(5000, "127.0.0.1")
    assert "titok" not in capsys.readouterr().out
