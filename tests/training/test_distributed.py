"""Two processes on the CPU see every clip once and get the numbers of one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import QUICK, TINY_MODEL

pytestmark = pytest.mark.posix  # signals, and processes that talk by gloo

SAME = [
    "dataset=milliomos",
    *TINY_MODEL,
    *QUICK,
    "model.dropout=0.0",
    "trainer.max_epochs=2",
    "timed_steps=0",
]
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
REPO = Path(__file__).parents[2]


def start(name: str, *overrides: str) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-m", "xttslab.train", f"run_name={name}"]
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    for inherited in ("XTTSLAB_RUN_NAME", "LOCAL_RANK", "RANK", "MASTER_PORT"):
        environment.pop(inherited, None)
    return subprocess.Popen([*command, *SAME, *overrides], env=environment, stderr=subprocess.PIPE)


def rows(name: str) -> list[dict[str, float]]:
    lines = Path("outputs", name, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    machine = ("speed/", "memory/", "time")
    rows = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if not k.startswith(machine)} for row in rows]


def test_two_processes_equal_one_with_the_same_global_batch(workplace) -> None:
    one = start("one", "batch.clips=4")
    two = start("two", "batch.clips=2", *TWO)
    for process in (one, two):
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()[-2000:]
    alone, together = rows("one"), rows("two")
    assert [row["epoch"] for row in together] == [0, 1, 2]
    for expected, found in zip(alone, together, strict=True):
        assert set(found) == set(expected)
        assert found == pytest.approx(expected, abs=1e-4)
    assert alone[2]["train/mel_ce"] < alone[1]["train/mel_ce"] - 0.01  # something was learnt
    kept = sorted(path.name for path in Path("outputs/two/checkpoints").iterdir())
    assert kept == ["best.safetensors", "checkpoints.json"]


def test_a_killed_process_stops_the_other_and_the_run_goes_on(workplace) -> None:
    more = ["batch.clips=1", "checkpoint.every_minutes=0", "trainer.max_epochs=12"]
    process = start("cut", *more, *TWO)
    metrics = Path("outputs/cut/metrics.jsonl")
    while not metrics.is_file() or len(rows("cut")) < 3:
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        time.sleep(0.05)
    (other,) = psutil.Process(process.pid).children()
    os.kill(other.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "another process of this run ended" in said.decode()
    assert "resume=true run_name=cut" in said.decode()
    done = len(rows("cut"))
    resumed = start("cut", *more, f"trainer.max_epochs={done + 1}", *TWO, "resume=true")
    _, said = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, said.decode()[-2000:]
    assert [row["epoch"] for row in rows("cut")] == list(range(done + 2))


SOUND = {
    "dvae": ["stage=dvae", "stage.batches=4", "stage.batch_codes=80"],
    "decoder": ["stage=decoder", "stage.batches=4", "stage.crops=4", "stage.crop_codes=8"],
}


@pytest.mark.parametrize("stage", SOUND)
def test_two_processes_train_on_sound_and_agree_which_epoch_is_best(workplace, stage: str) -> None:
    more = [*SOUND[stage], "optim.lr=3e-3"]
    two = start(stage, *more, *TWO, "trainer.max_epochs=4")
    one = start("one", *more, "trainer.max_epochs=1")
    for process in (two, one):
        _, said = process.communicate(timeout=300)  # would wait for ever if they disagreed
        assert process.returncode == 0, said.decode()[-2000:]
    found, name = rows(stage), {"dvae": "mel_l1", "decoder": "mel"}[stage]
    assert found[0][f"eval/{name}"] == pytest.approx(rows("one")[0][f"eval/{name}"], abs=1e-5)
    assert [row["epoch"] for row in found] == [0, 1, 2, 3, 4]
    assert found[-1][f"train/{name}"] < found[1][f"train/{name}"]
