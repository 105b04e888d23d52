from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.tracking.client import (
    URI_VARIABLE,
    check_writable,
    first_line,
    open_client,
    relocate_artifacts,
    tracking_uri,
    without_credentials,
)
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.runs import find_run
from xttslab.tracking.sender import send_held_back


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


@pytest.fixture
def project(tmp_path: Path, empty_database: Path) -> Path:
    """A project with one run and one artifact in its store."""
    folder = tmp_path / "before"
    (folder / "mlruns").mkdir(parents=True)
    shutil.copy(empty_database, folder / "mlruns/mlflow.db")
    tracker = RunTracker.start(
        folder / "outputs/one", "one", uri=store_of(folder), tags={"run_dir": "outputs/one"}
    )
    tracker.log_text("seed: 7", "config/config.yaml")
    assert tracker.finish()
    return folder


def new_process() -> None:
    """Forget what MLflow keeps of runs for as long as a process lives."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()


def store_of(project: Path) -> str:
    return f"sqlite:///{project}/mlruns/mlflow.db"


def noted_as_before(project: Path) -> None:
    """Write the run's note as earlier versions did: with the absolute path of its store."""
    note = project / "outputs/one/tracking/destination.json"
    content = json.loads(note.read_text("utf-8")) | {"uri": store_of(project)}
    note.write_text(json.dumps(content), encoding="utf-8")


def artifacts(project: Path) -> set[str]:
    """What the store keeps of run one, which must be inside the project."""
    client = open_client(store_of(project))
    run = client.get_run(find_run("one", store_of(project)).run_id).info
    home = project / "mlruns/artifacts" / run.run_id / "artifacts"
    assert run.artifact_uri == home.as_uri()
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


def test_a_run_notes_its_store_relative_to_itself(project: Path) -> None:
    note = json.loads((project / "outputs/one/tracking/destination.json").read_text("utf-8"))
    assert note["uri"] == "sqlite:///../../mlruns/mlflow.db"
    assert Journal(project / "outputs/one").destination().uri == store_of(project)


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_it_goes_on_in_its_own_store(project: Path, earlier: bool, copied: bool) -> None:
    if earlier:
        noted_as_before(project)
    moved = project.with_name("after")
    (shutil.copytree if copied else shutil.move)(project, moved)
    there = sorted(project.rglob("*"))
    new_process()
    tracker = RunTracker.attach(moved / "outputs/one")
    tracker.log_text("<html>", "report/report.html")
    tracker.set_tags({"heard": "yes"})
    assert tracker.close()
    assert find_run("one", store_of(moved)).tags["heard"] == "yes"
    assert artifacts(moved) == {"config/config.yaml", "report/report.html"}
    assert sorted(project.rglob("*")) == there  # nothing was made, or added, at the old place
    (run,) = send_held_back(moved / "outputs")
    assert (run.uri, run.pending, run.fault) == (store_of(moved), 0, "")


def test_what_went_to_the_old_place_by_an_earlier_version_comes_back(project: Path) -> None:
    noted_as_before(project)
    moved = project.with_name("after")
    shutil.copytree(project, moved)
    tracker = RunTracker.attach(project / "outputs/one")  # as a moved run did: into the old store
    tracker.log_text("<html>", "report/report.html")
    assert tracker.close()
    shutil.rmtree(moved / "outputs")
    shutil.copytree(project / "outputs", moved / "outputs")
    noted = Journal(project / "outputs/one").destination()
    note = moved / "outputs/one/tracking/destination.json"
    content = {"uri": store_of(project), "run_id": noted.run_id, "offset": noted.offset}
    note.write_text(json.dumps(content), encoding="utf-8")
    assert artifacts(moved) == {"config/config.yaml"}
    new_process()
    (run,) = send_held_back(moved / "outputs")
    assert (run.pending, run.fault) == (0, "")
    assert artifacts(moved) == {"config/config.yaml", "report/report.html"}


def test_files_of_a_run_at_the_old_place_alone_are_copied(project: Path) -> None:
    moved = project.with_name("after")
    shutil.copytree(project, moved)
    shutil.rmtree(moved / "mlruns/artifacts")
    assert artifacts(moved) == {"config/config.yaml"}


def test_models_that_mlflow_logged_move_too(project: Path) -> None:
    client = open_client(store_of(project))
    run = find_run("one", store_of(project)).run_id
    experiment = client.get_run(run).info.experiment_id
    model = client.create_logged_model(experiment, "voice", source_run_id=run)
    kept = project / f"mlruns/artifacts/models/{model.model_id}/artifacts"
    assert model.artifact_location == kept.as_uri()
    kept.mkdir(parents=True)
    (kept / "MLmodel").write_text("flavors: {}", encoding="utf-8")
    moved = project.with_name("after")
    shutil.copytree(project, moved)
    shutil.rmtree(moved / "mlruns/artifacts/models")
    found = open_client(store_of(moved)).get_logged_model(model.model_id)
    there = moved / kept.relative_to(project)
    assert found.artifact_location == there.as_uri()
    assert (there / "MLmodel").is_file()


def test_files_that_are_elsewhere_on_purpose_stay_there(project: Path, tmp_path: Path) -> None:
    away, gone = tmp_path / "disk/artifacts", Path("/not/mounted/artifacts")
    away.mkdir(parents=True)
    client = open_client(store_of(project))
    client.create_experiment("away", away.as_uri())
    client.create_experiment("server", "mlflow-artifacts:/1")
    client.create_experiment("gone", gone.as_uri())
    relocate_artifacts(project / "mlruns/mlflow.db")
    with closing(sqlite3.connect(project / "mlruns/mlflow.db")) as store:
        found = dict(store.execute("SELECT name, artifact_location FROM experiments"))
    assert found["away"] == away.as_uri()
    assert found["server"] == "mlflow-artifacts:/1"
    assert found["gone"] == gone.as_uri()
    assert found["xttslab"] == (project / "mlruns/artifacts").as_uri()


def test_a_store_that_is_gone_is_said_and_never_made_again(
    project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = tmp_path / "elsewhere/one"
    shutil.copytree(project / "outputs/one", alone)
    Journal(alone).set_destination(Destination("sqlite:////gone/mlruns/mlflow.db", "a" * 32))
    tracker = RunTracker.attach(alone)
    tracker.set_tags({"heard": "yes"})
    assert not tracker.close()
    assert "/gone/mlruns: this folder of the tracking store is gone" in caplog.text
    (run,) = send_held_back(alone.parent)
    assert run.pending > 0
    assert "/gone/mlruns: this folder of the tracking store is gone" in run.fault
    (sent,) = send_held_back(alone.parent, store_of(project))
    assert (sent.pending, sent.fault) == (0, "")
    assert find_run("one", store_of(project)).tags["heard"] == "yes"
    assert not Path("/gone").exists()
