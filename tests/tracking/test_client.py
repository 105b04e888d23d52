from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.tracking.client import (
    URI_VARIABLE,
    check_writable,
    first_line,
    tracking_uri,
    without_credentials,
)


def test_configured_file_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking_uri("sqlite:///mlruns/mlflow.db") == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert tracking_uri("http://host:5000") == "http://host:5000"


def test_environment_overrides_and_may_hold_credentials(monkeypatch):
    monkeypatch.setenv(URI_VARIABLE, "https://anna:titok@host/mlflow")
    assert tracking_uri("sqlite:///x.db") == "https://anna:titok@host/mlflow"


def test_credentials_in_the_configuration_are_refused(monkeypatch):
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    with pytest.raises(UserError, match="MLFLOW_TRACKING_PASSWORD") as fault:
        tracking_uri("https://anna:titok@host")
    assert "titok" not in str(fault.value)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://anna:titok@host:8080/mlflow?token=x", "https://host:8080/mlflow"),
        ("postgresql://anna:titok@[::1]/db", "postgresql://[::1]/db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
    ],
)
def test_shown_uri_holds_no_credentials(uri, shown):
    assert without_credentials(uri) == shown


def test_store_that_cannot_be_written_names_folder_and_remedy(tmp_path):
    (tmp_path / "mlruns").write_text("a file where the folder should be")
    with pytest.raises(UserError) as fault:
        check_writable(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert f"{tmp_path}/mlruns: cannot be written" in str(fault.value)
    assert "tracking.uri or MLFLOW_TRACKING_URI" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_database_that_cannot_be_written(tmp_path):
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(f"sqlite:///{tmp_path}/mlflow.db")


def test_server_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_writable("http://host:5000")
    assert list(Path().iterdir()) == []


def test_fault_is_short_and_without_credentials():
    nested = Exception(
        "API request to http://u:p@h/api failed with exception HTTPConnectionPool(host='h', "
        'port=9): Max retries exceeded with url: /api (Caused by NewConnectionError("HTTPConnec'
        "tion(host='h', port=9): Failed to establish a new connection: [Errno 111] Connection "
        'refused"))\nmore'
    )
    assert first_line(nested) == "[Errno 111] Connection refused"
    assert first_line(Exception("no answer from https://u:p@h/x now")) == (
        "no answer from https://h/x now"
    )
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line(Exception("x" * 900))) == 200
