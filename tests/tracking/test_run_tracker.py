import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.tracking.client import URI_VARIABLE, open_client
from xttslab.tracking.delivery import Delivery
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FAILED, NullTracker, Tracker
from xttslab.tracking.run_tracker import (
    RunTracker,
    check_run_name,
    identity,
    mlflow_name,
    texts_for,
)
from xttslab.tracking.runs import find_run


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("eval/mel_ce/greeting", "eval/mel_ce/greeting"),
        ("eval/műsor/mel_ce", "eval/musor/mel_ce"),
        ("a[0]=b,c", "a_0__b_c"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_are_what_every_server_takes(name, taken):
    assert mlflow_name(name) == taken


def test_long_values_are_cut_and_said(caplog):
    texts = texts_for({"text": "é" * 20, "n": 3, "none": None}, longest=10)
    assert texts == {"text": "é" * 9 + "…", "n": "3", "none": "None"}
    assert "text: 20 characters, cut to 10" in caplog.text


def test_identity_names_the_program():
    assert identity()["mlflow.source.name"] == "xttslab"


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("lr=3e-6", "lr_3e-6"),
        ("12:30", "12_30"),
        ('"why?"', "_why__"),
        ("a*b<c>d|e", "a_b_c_d_e"),
        ("end.", "end"),
        (" start", "start"),
        ("tab\there", "tab_here"),
        ("con", "run_con"),
        ("COM1.txt", "run_COM1.txt"),
        ("..", "run"),
        ("ő" * 100, "ő" * 60),
    ],
)
def test_a_run_name_that_is_no_folder_everywhere_is_refused_with_one_that_is(name, suggested):
    with pytest.raises(UserError) as fault:
        check_run_name(name)
    assert str(fault.value).startswith(f"run_name={name!r} cannot be the name of a file or folder")
    assert str(fault.value).endswith(f"; try run_name={suggested}")
    check_run_name(suggested)


@pytest.mark.parametrize(
    "name", ["combined_xtts_v2_1a", "első próba's", "a,b (2) [3] $5 ~x", "con9"]
)
def test_a_run_name_may_be_what_people_write(name):
    check_run_name(name)


def test_a_path_is_stored_for_every_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = texts_for({"run_dir": Path("outputs/one"), "away": Path("/data/x")}, 100)
    assert found == {"run_dir": "outputs/one", "away": "/data/x"}
    assert texts_for({"run_dir": tmp_path / "outputs"}, 100) == {"run_dir": "outputs"}


def rows(run_dir):
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def history(client, run_id, name):
    return {(p.step, p.value) for p in client.get_metric_history(run_id, name)}


def test_whole_run_and_its_continuation_are_in_the_store(tmp_path, uri):
    run_dir, wav = tmp_path / "outputs" / "első", tmp_path / "elsewhere.wav"
    wav.write_bytes(b"RIFF")
    tracker = RunTracker.start(run_dir, "első", "kísérletek", uri, {"dataset": "milliomos"})
    tracker.log_params({f"group.{n}": n for n in range(230)} | {"optim.lr": 3e-6})
    tracker.log_dataset("milliomos", "f" * 64, "data/milliomos", profile={"clips": 80})
    tracker.log_metrics({"eval/mel_ce": 5.0, "eval/műsor/mel_ce": 5.1}, step=0)
    tracker.log_metrics({"train/mel_ce": 4.9}, step=1)
    tracker.log_metrics({"eval/mel_ce": 4.5}, step=1)
    tracker.log_text("seed: 7\n", "config/config.yaml")
    folder = run_dir / "samples" / "epoch_001"
    folder.mkdir(parents=True)
    (folder / "03_greeting.wav").write_bytes(b"RIFF")
    tracker.log_artifact(folder, "samples/epoch_001")
    tracker.log_artifact(wav, "audio")
    assert tracker.finish(FAILED)

    again = RunTracker.start(run_dir, "első", "kísérletek", uri, resume=True)
    assert again.last_step == 1
    again.log_params({"group.1": 1, "optim.lr": 2e-6, "new": "yes"})
    again.log_metrics({"eval/mel_ce": 9.0, "eval/total": 4.6}, step=1)
    again.log_metrics({"eval/mel_ce": 4.0}, step=2)
    assert again.run_id == tracker.run_id
    assert again.finish()

    client = open_client(uri)
    run = client.get_run(tracker.run_id)
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == "kísérletek"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.artifact_location == (tmp_path / "mlruns" / "artifacts").as_uri()
    assert len(client.search_runs([experiment.experiment_id])) == 1
    assert (run.info.status, run.info.run_name) == ("FINISHED", "első")
    assert len(run.data.params) == 232
    assert (run.data.params["optim.lr"], run.data.params["new"]) == ("3e-06", "yes")
    assert run.data.tags["resume.1.optim.lr"] == "2e-06"
    assert "resume.1.group.1" not in run.data.tags
    assert run.data.tags["dataset"] == "milliomos"
    assert history(client, tracker.run_id, "eval/mel_ce") == {(0, 5.0), (1, 4.5), (2, 4.0)}
    assert history(client, tracker.run_id, "eval/musor/mel_ce") == {(0, 5.1)}
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("milliomos", "f" * 36)
    assert json.loads(used.dataset.profile) == {"clips": 80}
    for path in ("config/config.yaml", "samples/epoch_001/03_greeting.wav", "audio/elsewhere.wav"):
        assert (tmp_path / "mlruns/artifacts" / tracker.run_id / "artifacts" / path).is_file()
    assert rows(run_dir) == [
        {"epoch": 0, "eval/mel_ce": 5.0, "eval/musor/mel_ce": 5.1},
        {"epoch": 1, "train/mel_ce": 4.9, "eval/mel_ce": 4.5, "eval/total": 4.6},
        {"epoch": 2, "eval/mel_ce": 4.0},
    ]


def begin(run_dir, uri, rate: float):
    """A run whose epochs 0 to 3 are in the store, with a sample of the last; returns its id."""
    tracker = RunTracker.start(run_dir, "cut", uri=uri)
    tracker.log_params({"optim.lr": rate, "resume": False})
    tracker.log_dataset("milliomos", "f" * 64, "data/milliomos")
    for epoch in range(4):
        tracker.log_metrics({"eval/mel_ce": 5.0 - epoch, "lr": rate}, step=epoch)
    sample = run_dir / "samples/epoch_003/03_greeting.wav"
    sample.parent.mkdir(parents=True)
    sample.write_bytes(b"RIFF")
    tracker.log_artifact(sample, "samples/epoch_003")
    assert tracker.finish(FAILED)
    return tracker.run_id


def go_on(run_dir, uri, rate: float, fingerprint: str = "f" * 64):
    """Resume behind epoch 2, as a training does, and log epoch 3 again."""
    again = RunTracker.start(run_dir, "cut", uri=uri, resume=True)
    again.log_params({"optim.lr": rate, "resume": True})
    again.log_dataset("milliomos", fingerprint, "data/milliomos")
    again.go_back(2)
    assert again.last_step == 2
    assert [row["epoch"] for row in rows(run_dir)] == [0, 1, 2]
    again.log_metrics({"eval/mel_ce": 2.5, "lr": rate}, step=3)
    return again


@pytest.mark.parametrize(("rate", "fingerprint"), [(1e-6, "f" * 64), (3e-6, "e" * 64)])
def test_another_history_behind_an_epoch_is_a_run_of_its_own(
    tmp_path, uri, caplog, rate, fingerprint
):
    run_dir = tmp_path / "outputs/cut"
    first = begin(run_dir, uri, 3e-6)
    (run_dir / "samples/epoch_003/03_greeting.wav").rename(run_dir / "moved.wav")
    again = go_on(run_dir, uri, rate, fingerprint)
    assert again.finish()
    assert again.run_id != first
    client = open_client(uri)
    new, old = client.get_run(again.run_id), client.get_run(first)
    assert (new.info.run_name, new.info.status) == ("cut", "FINISHED")
    assert (old.info.run_name, old.info.status) == ("cut, set aside behind epoch 2", "KILLED")
    assert old.data.tags["set_aside"] == "2"
    assert "set_aside" not in new.data.tags
    values = {(0, 5.0), (1, 4.0), (2, 3.0)}
    assert history(client, again.run_id, "eval/mel_ce") == values | {(3, 2.5)}
    assert history(client, first, "eval/mel_ce") == values | {(3, 2.0)}
    assert new.data.params["optim.lr"] == "3e-06"
    assert find_run("cut", uri).run_id == again.run_id
    assert "what it had logged behind that is a run of its own now, tagged set_aside" in caplog.text
    assert not (run_dir / "tracking/refused.jsonl").exists()  # the sample that was moved away

    last = RunTracker.start(run_dir, "cut", uri=uri, resume=True)  # nothing to go back behind
    last.go_back(3)
    last.log_metrics({"eval/mel_ce": 2.0}, step=4)
    assert last.finish()
    assert last.run_id == again.run_id


def test_the_same_settings_go_on_in_the_same_run(tmp_path, uri):
    run_dir = tmp_path / "outputs/cut"
    first = begin(run_dir, uri, 3e-6)
    again = go_on(run_dir, uri, 3e-6)
    assert again.finish()
    assert again.run_id == first
    assert rows(run_dir)[3] == {"epoch": 3, "eval/mel_ce": 2.5, "lr": 3e-6}
    expected = {(0, 5.0), (1, 4.0), (2, 3.0), (3, 2.0)}  # MLflow takes no value back
    assert history(open_client(uri), first, "eval/mel_ce") == expected


def test_what_was_set_aside_before_it_arrived_never_arrives(tmp_path, uri, monkeypatch):
    run_dir = tmp_path / "outputs/cut"
    with monkeypatch.context() as patch:
        patch.setattr(RunTracker, "close", lambda self, *_: True)
        patch.setattr(Delivery, "send_pending", lambda self, *_: 0)  # an outage
        begin(run_dir, uri, 3e-6)
        go_on(run_dir, uri, 1e-6)
    again = RunTracker.attach(run_dir)
    assert again.close()
    client = open_client(uri)
    assert len(client.search_runs(["1"])) == 1
    expected = {(0, 5.0), (1, 4.0), (2, 3.0), (3, 2.5)}
    assert history(client, again.run_id, "eval/mel_ce") == expected
    assert find_run("cut", uri).changes() == [("optim.lr", "3e-06", "1e-06")]


def test_what_is_not_finite_is_said_and_a_gap_in_the_chart(tmp_path, uri, caplog):
    tracker = RunTracker.start(tmp_path / "run", "run", uri=uri)
    tracker.log_metrics({"grad_norm": math.inf, "eval/mel_ce": math.nan, "lr": 1.0}, step=3)
    assert tracker.finish()
    assert "epoch 3: not a finite number: {'grad_norm': inf, 'eval/mel_ce': nan}" in caplog.text
    assert rows(tmp_path / "run") == [
        {"epoch": 3, "grad_norm": "inf", "eval/mel_ce": "nan", "lr": 1.0}
    ]
    client = open_client(uri)
    (point,) = client.get_metric_history(tracker.run_id, "grad_norm")
    assert math.isnan(point.value)


def test_run_that_vanished_from_the_store_is_sent_again(tmp_path, uri, empty_database, caplog):
    first = RunTracker.start(tmp_path / "run", "run", uri=uri)
    first.log_metrics({"eval/mel_ce": 5.0}, step=0)
    assert first.finish()
    shutil.copy(empty_database, tmp_path / "mlruns" / "new.db")
    emptied = f"sqlite:///{tmp_path}/mlruns/new.db"
    journal = Journal(tmp_path / "run")
    journal.set_destination(replace(journal.destination(), uri=emptied))

    again = RunTracker.start(tmp_path / "run", "run", uri=emptied, resume=True)
    again.log_metrics({"eval/mel_ce": 4.0}, step=1)
    assert again.finish()
    assert again.run_id != first.run_id
    assert history(open_client(emptied), again.run_id, "eval/mel_ce") == {(0, 5.0), (1, 4.0)}
    assert "it is sent again from the journal" in caplog.text


def test_deleted_experiment_names_the_remedy(tmp_path, uri, caplog):
    client = open_client(uri)
    number = client.create_experiment("old")
    client.delete_experiment(number)
    tracker = RunTracker.start(tmp_path / "run", "run", "old", uri)
    assert not tracker.finish()
    assert f"mlflow experiments restore --experiment-id {number}" in caplog.text
    assert "2 tracking records of" in caplog.text


def test_attach_adds_without_starting_again(tmp_path, uri):
    tracker = RunTracker.start(tmp_path / "run", "run", uri=uri)
    assert tracker.finish()
    later = RunTracker.attach(tmp_path / "run")
    later.set_tags({"score": 0.5})
    later.log_text("<html>", "report/report.html")
    assert later.close()
    run = open_client(uri).get_run(tracker.run_id)
    assert run.data.tags["score"] == "0.5"
    assert "resumes" not in run.data.tags
    assert run.info.status == "FINISHED"


def test_attach_needs_a_run(tmp_path):
    with pytest.raises(UserError, match="holds no tracked run"):
        RunTracker.attach(tmp_path)


def test_folder_with_a_run_is_not_started_afresh(tmp_path, uri):
    RunTracker.start(tmp_path / "run", "run", uri=uri).close()
    with pytest.raises(UserError, match="holds a run already; go on with it by resume=true"):
        RunTracker.start(tmp_path / "run", "run", uri=uri)


def test_store_that_cannot_be_written_stops_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(UserError, match="mlruns: cannot be written"):
        RunTracker.start(tmp_path / "run", "run", uri=f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert not (tmp_path / "run").exists()


def test_closing_twice_says_the_same_at_once(tmp_path, uri, caplog):
    tracker = RunTracker.start(tmp_path / "run", "run", uri=uri)
    assert tracker.finish()
    assert tracker.close()
    assert not caplog.text
    tracker.log_metrics({"eval/mel_ce": 1.0}, 0)
    assert not tracker.close()
    assert "1 tracking records" in caplog.text
    assert "python -m xttslab.sync" in caplog.text


def test_missing_file_is_an_error_at_once(tmp_path, uri):
    tracker = RunTracker.start(tmp_path / "run", "run", uri=uri)
    with pytest.raises(FileNotFoundError):
        tracker.log_artifact(tmp_path / "nothing.wav")
    tracker.close()


def test_null_tracker_has_the_same_verbs(tmp_path):
    verbs = {name for name in vars(Tracker) if not name.startswith("_")}
    assert verbs <= {name for name in dir(NullTracker) if not name.startswith("_")}
    assert verbs <= {name for name in dir(RunTracker) if not name.startswith("_")}
    null: Tracker = NullTracker()
    null.log_metrics({"a": 1.0}, 0)
    assert null.run_id is None
    assert null.finish()
    assert list(tmp_path.iterdir()) == []


EIGHT = """
import multiprocessing, sys
from pathlib import Path
import mlflow.tracking
from xttslab.tracking.run_tracker import RunTracker

def run(number):
    tracker = RunTracker.start(Path(sys.argv[1]) / f"run{number}", f"run{number}", uri=sys.argv[2])
    for epoch in range(5):
        tracker.log_metrics({"eval/mel_ce": float(number), "lr": 1.0}, epoch)
    sys.exit(0 if tracker.finish() else 1)

fork = multiprocessing.get_context("fork")
processes = [fork.Process(target=run, args=(number,)) for number in range(8)]
for process in processes: process.start()
for process in processes: process.join()
sys.exit(max(process.exitcode for process in processes))
"""


@pytest.mark.posix
def test_eight_runs_start_on_one_new_database(tmp_path, monkeypatch):
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    ended = subprocess.run(
        [sys.executable, "-c", EIGHT, str(tmp_path / "outputs"), uri], capture_output=True
    )
    assert ended.returncode == 0, ended.stderr.decode()
    client = open_client(uri)
    runs = client.search_runs([client.get_experiment_by_name("xttslab").experiment_id])
    assert {run.info.run_name for run in runs} == {f"run{n}" for n in range(8)}
    for run in runs:
        number = float(run.info.run_name.removeprefix("run"))
        assert history(client, run.info.run_id, "eval/mel_ce") == {(e, number) for e in range(5)}
