"""A real process is killed in the middle of its work and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import QUICK, TINY_MODEL

ROOT = Path(__file__).parents[2]
OPTIONS = [
    *("dataset=milliomos", *TINY_MODEL, *QUICK),
    *("trainer.max_epochs=4", "batch.clips=1", "checkpoint.every_minutes=0"),
]


def start(run: str, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-m", "xttslab.train", f"run_name={run}", *OPTIONS, *more]
    return subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, text=True)


def epochs(run: str) -> dict[int, dict[str, float]]:
    path = Path("outputs", run, "metrics.jsonl")
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row.pop("epoch"): row for row in rows}


def kill_after(process: subprocess.Popen[str], run: str, epoch: int, how: signal.Signals) -> str:
    while epoch not in epochs(run):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    time.sleep(0.15)  # into the next epoch
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


def in_mlflow(run: str) -> dict[str, list[int]]:
    from mlflow import MlflowClient

    client = MlflowClient("sqlite:///mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("xttslab")
    (found,) = client.search_runs([experiment.experiment_id], f"run_name = '{run}'")
    assert found.info.status == "FINISHED"
    names = [name for name in found.data.metrics if name.startswith(("eval/", "train/"))]
    return {
        name: [m.step for m in client.get_metric_history(found.info.run_id, name)] for name in names
    }


@pytest.mark.posix
def test_killed_twice_a_run_ends_with_the_same_numbers(workplace: Path) -> None:
    whole = start("whole")
    assert whole.wait(timeout=300) == 0
    killed = start("cut")
    kill_after(killed, "cut", 1, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    terminated = start("cut", "resume=true")
    said = kill_after(terminated, "cut", 2, signal.SIGTERM)
    assert terminated.returncode == 128 + signal.SIGTERM
    assert "go on with resume=true run_name=cut" in said
    assert start("cut", "resume=true").wait(timeout=300) == 0
    expected, resumed = epochs("whole"), epochs("cut")
    assert sorted(resumed) == [0, 1, 2, 3, 4]
    for epoch, row in expected.items():
        for name, value in row.items():
            if not name.startswith(("speed/", "memory/")):
                assert resumed[epoch][name] == pytest.approx(value, abs=1e-6), (epoch, name)
    for name, steps in in_mlflow("cut").items():
        assert steps == [1, 2, 3, 4] if name.startswith("train/") else [0, 1, 2, 3, 4], name
