"""Runs of a Hydra sweep find their parent; those that arrive first are linked later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from xttslab.tracking.client import open_client
from xttslab.tracking.journal import Journal
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.sender import send_held_back
from xttslab.tuning import sweep_run as children
from xttslab.tuning import sweep_run as grid
from xttslab.tuning.sweep_run import NOTE, SweepParent, child_tags, command

CONFIG = OmegaConf.create(
    {
        "hydra": {"sweep": {"dir": "multirun/now"}},
        "sweep": {"name": "ranks"},
        "output_dir": "outputs",
        "checkpoint": {"monitor": "eval/mel_ce"},
        "tracking": {"experiment": "xttslab", "uri": "sqlite:///mlruns/mlflow.db"},
    }
)


def child(name: str, rate: float, value: float, key: str, uri: str = "") -> None:
    tags = child_tags(key, [f"optim.lr={rate}"])
    more = {"uri": uri} if uri else {}
    tracker = RunTracker.start(Path("outputs", name), name, tags=tags, **more)
    tracker.log_params({"optim.lr": rate, "run_name": name, "seed": 7})
    tracker.set_tags({"best_value": value})
    tracker.finish()


def test_a_grids_runs_have_one_parent_with_the_best(workplace, capsys) -> None:
    callback = SweepParent()
    callback.on_multirun_start(CONFIG)
    key = json.loads(Path("multirun/now", NOTE).read_text(encoding="utf-8"))["key"]
    for number, rate in enumerate((1e-6, 1e-5, 1e-4)):
        child(f"run{number}", rate, abs(number - 1) + 4.0, key)
    callback.on_multirun_end(CONFIG)
    assert "3 of 3 runs finished" in capsys.readouterr().out
    client = open_client("sqlite:///mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("xttslab")
    held = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    parent = held.pop("ranks_now")
    assert parent.data.tags["best_run"] == "run1"
    assert parent.data.tags["best.optim.lr"] == "1e-05"
    assert parent.data.tags["best_command"] == "python -m xttslab.train optim.lr=1e-05"
    assert {r.data.tags["mlflow.parentRunId"] for r in held.values()} == {parent.info.run_id}
    assert "best.run_name" not in parent.data.tags


def test_children_that_arrive_with_the_sync_find_their_parent(workplace) -> None:
    nowhere = "http://127.0.0.1:1"
    RunTracker.start(Path("outputs/z_parent"), "z_parent", uri=nowhere).finish()
    key = next(record for record, _ in Journal(Path("outputs/z_parent")).read()).key
    child("a_child", 1e-6, 4.0, key, nowhere)
    store = f"sqlite:///{Path('mlruns/mlflow.db').absolute()}"
    assert [sent.fault for sent in send_held_back(Path("outputs"), store)] == ["", ""]
    client = open_client(store)
    experiment = client.get_experiment_by_name("xttslab")
    held = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert held["a_child"].data.tags["mlflow.parentRunId"] == held["z_parent"].info.run_id


def test_the_table_of_runs_has_one_line_end_on_every_system() -> None:
    runs = [grid.Child("a", "FINISHED", 4.0, {"optim.lr": "1e-05"}, "")]
    assert grid._table(runs, ["optim.lr"]) == "run,status,value,optim.lr\na,FINISHED,4.0,1e-05\n"


def test_what_failed_in_an_earlier_sweep_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid.SweepFailures, "folder", None)
    assert grid.failed_runs() == 0
    (tmp_path / grid.FAILED).mkdir()
    (tmp_path / grid.FAILED / "0").touch()
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    grid.SweepFailures().on_multirun_start(config)
    assert grid.failed_runs() == 0
    (tmp_path / grid.FAILED / "1").touch()
    assert grid.failed_runs() == 1


@pytest.mark.parametrize(
    ("system", "quoted"), [("linux", "'run_name=a b'"), ("win32", '"run_name=a b"')]
)
def test_a_runs_command_is_quoted_for_the_shell_of_its_system(
    monkeypatch: pytest.MonkeyPatch, system: str, quoted: str
) -> None:
    monkeypatch.setattr(children.sys, "platform", system)
    assert command(["run_name=a b", "seed=7"]) == f"python -m xttslab.train {quoted} seed=7"
