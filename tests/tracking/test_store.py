import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from xttslab.errors import UserError
from xttslab.tracking.client import URI_VARIABLE, open_client
from xttslab.tracking.journal import Journal
from xttslab.tracking.protocol import NullTracker, Tracker
from xttslab.tracking.records import FAILED
from xttslab.tracking.store import RunTracker


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
from xttslab.tracking.store import RunTracker

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
