"""Two processes on the CPU see every clip once and get the numbers of one process."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import QUICK, TINY_MODEL
from tests.processes import Training
from xttslab.errors import UserError
from xttslab.training.run import RUN_NAME, run_name
from xttslab.training.start import find_rank, is_rank_zero

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


def start(
    name: str,
    *overrides: str,
    before: Callable[[], None] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Training:
    gpt = not any(override.startswith("stage=") for override in overrides)
    same = [option for option in SAME if gpt or not option.startswith("batch.")]
    return Training(name, *same, *overrides, before=before, variables=variables)


def start_two(name: str, *overrides: str, **more: Any) -> list[Training]:
    """Both processes of a run, started as Slurm's tasks are: Lightning starts none itself."""
    port = free_port()
    tasks = [slurm(rank, port) for rank in range(2)]
    return [start(name, *overrides, *TWO, variables=task, **more) for task in tasks]


def ended_well(*processes: Training) -> None:
    assert [(p.ended(), p.said()[-2000:] * bool(p.ended())) for p in processes] == [
        (0, "") for _ in processes
    ]


def slurm(rank: int, port: int) -> dict[str, str]:
    """What srun tells the tasks of a job."""
    place = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_NODEID": 0, "MASTER_PORT": port}
    job = {"SLURM_NTASKS": 2, "SLURM_NTASKS_PER_NODE": 2, "SLURM_JOB_ID": 7}
    numbers = {name: str(value) for name, value in (place | job).items()}
    return {**numbers, "SLURM_JOB_NAME": "voice", "MASTER_ADDR": "127.0.0.1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rows(name: str) -> list[dict[str, float]]:
    lines = Path("outputs", name, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    machine = ("speed/", "memory/", "time")
    rows = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if not k.startswith(machine)} for row in rows]


def test_two_processes_equal_one_with_the_same_global_batch(workplace) -> None:
    ended_well(start("one", "batch.clips=4"), *start_two("two", "batch.clips=2"))
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
        assert process.running(), process.said()[-2000:]
        time.sleep(0.05)
    (other,) = psutil.Process(process.pid).children()
    os.kill(other.pid, signal.SIGKILL)
    assert process.ended() == 2
    assert "another process of this run ended" in process.said()
    assert "resume=true run_name=cut" in process.said()
    done = len(rows("cut"))
    ended_well(*start_two("cut", *more, f"trainer.max_epochs={done + 1}", "resume=true"))
    assert [row["epoch"] for row in rows("cut")] == list(range(done + 2))


def clocks() -> None:
    """The first process's clock says after every epoch that ten minutes have passed, the other's
    never; whoever saves prints that."""
    from xttslab.training import checkpointing

    step = 601 if os.environ["SLURM_PROCID"] == "0" else 0
    checkpointing.time = types.SimpleNamespace(monotonic=itertools.count(0, step).__next__)
    save = checkpointing.AtomicCheckpointIO.save_checkpoint

    def saved(self: object, *rest: object, **more: object) -> None:
        save(self, *rest, **more)
        print("saved", file=sys.stderr)

    checkpointing.AtomicCheckpointIO.save_checkpoint = saved


def test_tasks_of_slurm_are_one_run_and_save_when_the_clock_of_the_first_says_so(workplace) -> None:
    more = ["samples.every_n_epochs=1", "samples.score_every_n_epochs=0", "trainer.max_epochs=2"]
    tasks = start_two("large", *more, before=clocks)
    ended_well(*tasks)  # would wait for ever if they disagreed
    assert [task.said().count("saved") for task in tasks] == [2, 0]
    assert [row["epoch"] for row in rows("large")] == [0, 1, 2]
    spoken = sorted(path.name for path in Path("outputs/large/samples").glob("epoch_*"))
    assert spoken == [f"epoch_{epoch:03d}" for epoch in range(3)]


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, True),
        ({**slurm(0, 1)}, True),
        ({**slurm(1, 1)}, False),
        ({"LOCAL_RANK": "1"}, False),  # started by Lightning
        ({"NODE_RANK": "1"}, False),  # on the second machine, by hand
        ({"RANK": "3", "LOCAL_RANK": "0", "GROUP_RANK": "1", "TORCHELASTIC_RUN_ID": "x"}, False),
    ],
)
def test_rank_zero_is_the_one_that_lightning_means(
    monkeypatch, tiny, variables: dict[str, str], first: bool
) -> None:
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", **variables}.items():
        monkeypatch.setenv(name, value)
    nodes = 1 if "SLURM_NTASKS" in variables else 2
    find_rank(tiny(*TWO, f"+trainer.num_nodes={nodes}").trainer)
    assert is_rank_zero() == first
    find_rank(tiny().trainer)  # of one process, whatever the variables say
    assert is_rank_zero()


def test_processes_started_elsewhere_need_a_name(monkeypatch, tiny) -> None:
    monkeypatch.delenv(RUN_NAME, raising=False)
    for name, value in slurm(1, 1).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="several processes were started from outside; give run_na"):
        run_name(tiny(*TWO))
    assert run_name(tiny(*TWO, "run_name=large")) == "large"
    monkeypatch.setenv(RUN_NAME, "made_up_by_the_first")
    assert run_name(tiny(*TWO)) == "made_up_by_the_first"
    assert run_name(tiny()).startswith("milliomos_xtts_mini_")  # one process alone


def test_what_lightning_refuses_is_one_line(tiny) -> None:
    with pytest.raises(UserError, match=r"trainer: .*zzz") as raised:
        run_name(tiny("trainer.accelerator=zzz"))
    assert "\n" not in str(raised.value)


SOUND = {
    "dvae": ["stage=dvae", "stage.batches=4", "stage.batch_codes=80"],
    "decoder": ["stage=decoder", "stage.batches=4", "stage.segments=4", "stage.segment_codes=8"],
}


@pytest.mark.parametrize("stage", SOUND)
def test_two_processes_train_on_sound_and_agree_which_epoch_is_best(workplace, stage: str) -> None:
    more = [*SOUND[stage], "optim.lr=3e-3"]
    one = start("one", *more, "trainer.max_epochs=1")
    ended_well(one, *start_two(stage, *more, "trainer.max_epochs=4"))
    found, name = rows(stage), {"dvae": "mel_l1", "decoder": "mel"}[stage]
    assert found[0][f"eval/{name}"] == pytest.approx(rows("one")[0][f"eval/{name}"], abs=1e-5)
    assert [row["epoch"] for row in found] == [0, 1, 2, 3, 4]
    assert found[-1][f"train/{name}"] < found[1][f"train/{name}"]
