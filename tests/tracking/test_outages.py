"""A real MLflow server behind a line that fails: nothing is lost, nothing arrives twice."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.tracking.conftest import Line
from xttslab.tracking.client import open_client
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.sender import send_held_back

EPOCHS = 6


def train(run_dir, uri, experiment, before_epoch=lambda epoch: None):
    """What a small training tells its tracker; returns whether all arrived."""
    tracker = RunTracker.start(run_dir, run_dir.name, experiment, uri, {"dataset": "milliomos"})
    tracker.log_params({"optim.lr": 3e-6, "seed": 7})
    tracker.log_dataset("milliomos", "abc", "data/milliomos", profile={"clips": 80})
    for epoch in range(EPOCHS):
        before_epoch(epoch)
        tracker.log_metrics({"eval/mel_ce": 5.0 - epoch, "lr": 1e-6 * epoch}, epoch)
        folder = run_dir / "samples" / f"epoch_{epoch:03d}"
        folder.mkdir(parents=True)
        (folder / "03_greeting.wav").write_bytes(b"RIFF" + bytes([epoch]))
        tracker.log_artifact(folder, f"samples/{folder.name}")
        (run_dir / "samples" / "index.html").write_text(f"<p>{epoch}</p>")
        tracker.log_artifact(run_dir / "samples" / "index.html", "samples")
    return tracker.finish()


def content(server, experiment):
    """Everything that the only run of an experiment holds, but for names made anew every time."""
    client = open_client(server)
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    run_id = run.info.run_id
    files = {}
    folders = [""]
    while folders:
        for entry in client.list_artifacts(run_id, folders.pop() or None):
            if entry.is_dir:
                folders.append(entry.path)
            else:
                with tempfile.TemporaryDirectory() as place:
                    path = client.download_artifacts(run_id, entry.path, place)
                    files[entry.path] = Path(path).read_bytes()
    return {
        "kind": found.tags,
        "status": run.info.status,
        "ended": (run.info.end_time or 0) >= run.info.start_time,
        "params": run.data.params,
        "tags": {k: v for k, v in run.data.tags.items() if k not in ("xttslab.key",)},
        "inputs": [(i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs],
        "metrics": {
            name: sorted((p.step, p.value) for p in client.get_metric_history(run_id, name))
            for name in run.data.metrics
        },
        "files": files,
    }


@pytest.fixture(scope="module")
def direct(server, tmp_path_factory):
    """What the server holds of a run without any fault."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    assert train(tmp_path_factory.mktemp("outputs") / "run", server, "direct")
    held = content(server, "direct")
    assert held["metrics"]["eval/mel_ce"] == [(e, 5.0 - e) for e in range(EPOCHS)]
    assert len(held["files"]) == EPOCHS + 1
    return held


def test_down_from_start_to_end_then_sync(tmp_path, line: Line, server, direct, caplog):
    line.state = "down"
    assert not train(tmp_path / "run", line.uri, "down")
    assert "python -m xttslab.sync" in caplog.text
    (still,) = send_held_back(tmp_path)
    assert (still.sent, still.uri) == (0, line.uri)
    assert still.pending > 2 * EPOCHS
    assert still.fault
    line.state = "up"
    (sent,) = send_held_back(tmp_path)
    assert (sent.sent, sent.pending, sent.fault) == (still.pending, 0, "")
    assert content(server, "down") == direct
    (nothing_left,) = send_held_back(tmp_path)
    assert nothing_left.sent == 0


@pytest.mark.parametrize("fault", ["down", "failing", "slow"])
def test_fault_in_the_middle(tmp_path, line: Line, server, direct, fault):
    def weather(epoch):
        line.state = fault if 2 <= epoch < 5 else "up"

    train(tmp_path / "run", line.uri, f"middle {fault}", weather)
    line.state = "up"
    list(send_held_back(tmp_path))
    assert content(server, f"middle {fault}") == direct


def test_lost_answers_make_no_duplicates(tmp_path, line: Line, server, direct):
    """The server did what it was asked, but nobody heard: every record is sent twice."""
    line.state = "down"
    train(tmp_path / "run", line.uri, "deaf")
    line.state = "deaf"
    for _ in range(8 * EPOCHS):
        (run,) = send_held_back(tmp_path)  # each time as a new process, which remembers nothing
        if not run.fault:
            break
    assert len(line.lost) > 2 * EPOCHS
    assert run.pending == 0
    assert content(server, "deaf") == direct


CHILD = """
import os, signal, sys, time
from pathlib import Path
from xttslab.tracking.run_tracker import RunTracker
tracker = RunTracker.start(Path(sys.argv[1]), "run", sys.argv[3], sys.argv[2], resume=True)
first = (tracker.last_step + 1) if tracker.last_step is not None else 0
if sys.argv[4] == "arrived":
    tracker.wait()
for epoch in range(max(0, first - 1), first + 4):  # the last epoch is trained again
    tracker.log_metrics({"eval/mel_ce": 5.0 - epoch, "lr": 1e-6}, epoch)
    if sys.argv[4] == "between":
        time.sleep(0.4)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.posix
def test_killed_between_writing_and_sending(tmp_path, line: Line, server):
    line.state = "slow"
    for when in ("at once", "arrived", "between"):
        command = [sys.executable, "-c", CHILD, tmp_path / "run", line.uri, "killed", when]
        assert subprocess.run(command).returncode == -signal.SIGKILL
    line.state = "up"
    list(send_held_back(tmp_path))
    held = content(server, "killed")
    assert held["metrics"]["eval/mel_ce"] == [(e, 5.0 - e) for e in range(12)]
    assert len(held["metrics"]["lr"]) == 12
    assert held["tags"]["resumes"] == "2"


def test_training_does_not_wait_for_a_server_that_is_stuck(tmp_path, line: Line, server):
    line.state = "stuck"
    tracker = RunTracker.start(tmp_path / "run", "run", "stuck", line.uri)
    for epoch in range(30):
        tracker.log_metrics({"eval/mel_ce": 1.0}, epoch)
    assert tracker.run_id is None  # all calls have returned, and the server has not answered yet
    line.released.set()
    assert tracker.finish()
    assert len(content(server, "stuck")["metrics"]["eval/mel_ce"]) == 30


def test_refused_record_is_put_aside_and_the_others_arrive(tmp_path, line: Line, server, caplog):
    tracker = RunTracker.start(tmp_path / "run", "run", "refused", line.uri)
    gone = tmp_path / "run" / "gone.wav"
    gone.write_bytes(b"RIFF")
    line.state = "down"
    tracker.log_artifact(gone, "samples")
    tracker.log_metrics({"eval/mel_ce": 1.0}, 0)
    gone.unlink()
    line.state = "up"
    deadline = time.monotonic() + 60
    while not tracker.wait() and time.monotonic() < deadline:
        pass
    assert tracker.finish()
    assert content(server, "refused")["metrics"]["eval/mel_ce"] == [(0, 1.0)]
    refused = (tmp_path / "run" / "tracking" / "refused.jsonl").read_text(encoding="utf-8")
    assert "was removed before it could be sent" in refused
    assert "MLflow refused a record" in caplog.text
