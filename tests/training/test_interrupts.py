"""A real process is killed in the middle of its work and started again."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import QUICK, TINY_MODEL
from tests.processes import Training

OPTIONS = [
    *("dataset=milliomos", *TINY_MODEL, *QUICK),
    *("trainer.max_epochs=4", "batch.clips=1", "checkpoint.every_minutes=0"),
]


def epochs(run: str) -> dict[int, dict[str, float]]:
    path = Path("outputs", run, "metrics.jsonl")
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row.pop("epoch"): row for row in rows}


def kill_after(process: Training, run: str, epoch: int, how: signal.Signals) -> int:
    while epoch not in epochs(run):
        assert process.running(), process.said()
        time.sleep(0.02)
    time.sleep(0.15)  # into the next epoch
    os.kill(process.pid, how)
    return process.ended()


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
    whole, killed = Training("whole", *OPTIONS), Training("cut", *OPTIONS)
    assert kill_after(killed, "cut", 1, signal.SIGKILL) == -signal.SIGKILL
    terminated = Training("cut", *OPTIONS, "resume=true")
    assert kill_after(terminated, "cut", 2, signal.SIGTERM) == 128 + signal.SIGTERM
    assert "go on with resume=true run_name=cut" in terminated.said()
    assert Training("cut", *OPTIONS, "resume=true").ended() == 0
    assert whole.ended() == 0
    expected, resumed = epochs("whole"), epochs("cut")
    assert sorted(resumed) == [0, 1, 2, 3, 4]
    for epoch, row in expected.items():
        for name, value in row.items():
            if not name.startswith(("speed/", "memory/")):
                assert resumed[epoch][name] == pytest.approx(value, abs=1e-6), (epoch, name)
    for name, steps in in_mlflow("cut").items():
        assert steps == [1, 2, 3, 4] if name.startswith("train/") else [0, 1, 2, 3, 4], name
