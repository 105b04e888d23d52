"""A search over a training function: pruned, failed and stopped trials, and the parent run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import torch
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from xttslab.errors import UserError
from xttslab.tracking.client import open_client
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tuning.search import Search, distributions, overrides

TUNING = {"study": "lr", "storage": "sqlite:///tune.db", "trials": 5, "startup_trials": 2}


def make(faults: dict[int, BaseException], trials: int = 5) -> tuple[Search, list[str]]:
    """A search whose "training" tracks three epochs; the loss is a function of the rate."""
    config = OmegaConf.create(
        {
            "sweep": {"space": {"optim.lr": {"low": 1.0, "high": 9.0}}},
            "tuning": {**TUNING, "trials": trials, "warmup_epochs": 0},
            "output_dir": "outputs",
            "checkpoint": {"monitor": "eval/mel_ce"},
            "tracking": {"experiment": "xttslab", "uri": "sqlite:///mlruns/mlflow.db"},
            "seed": 7,
        }
    )
    trained: list[str] = []

    def compose(overrides):
        rate = float(dict(o.split("=") for o in overrides)["optim.lr"])
        return OmegaConf.create({"optim": {"lr": rate}, "run_name": "", "resume": False})

    def train(config, tags, callbacks):
        trained.append(config.run_name)
        tracker = RunTracker.start(
            Path("outputs", config.run_name), config.run_name, tags=tags, resume=config.resume
        )
        tracker.log_params({"optim.lr": config.optim.lr, "run_name": config.run_name})
        trainer = SimpleNamespace(should_stop=False, max_epochs=3, current_epoch=0)
        for epoch in range(3):
            value = abs(config.optim.lr - 4.0) - 0.1 * epoch
            trainer.current_epoch = epoch
            trainer.callback_metrics = {"eval/mel_ce": torch.tensor(value)}
            tracker.log_metrics({"eval/mel_ce": value}, epoch + 1)
            if epoch == 0 and (fault := faults.pop(len(trained), None)):
                tracker.finish("FAILED")
                raise fault
            callbacks[0].on_train_epoch_end(trainer, None)
            if trainer.should_stop:
                break
        tracker.set_tags({"best_value": value})
        tracker.finish()
        return value

    return Search(config, ["dataset=milliomos"], compose, train), trained


def runs() -> dict[str, object]:
    client = open_client("sqlite:///mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("xttslab")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_failures_are_recorded_and_the_study_goes_on(workplace, capsys) -> None:
    search, trained = make({2: UserError("out of clips"), 4: ValueError("a defect")})
    best = search.run()
    assert trained == [f"lr_{n:03d}" for n in range(5)]
    said = capsys.readouterr()
    assert "error: lr_001: out of clips" in said.err
    assert "ValueError: a defect" in said.err
    states = [trial.state.name for trial in search.study.study.trials]
    assert states[1] == states[3] == "FAIL"
    assert "COMPLETE" in states
    held = runs()
    parent = held["lr"]
    assert {r.data.tags.get("mlflow.parentRunId") for n, r in held.items() if n != "lr"} == {
        parent.info.run_id
    }
    assert held["lr_001"].info.status == "FAILED"
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["best_run"] == best.name
    assert parent.data.tags["best.optim.lr"] == best.params["optim.lr"]
    assert parent.data.tags["best_command"].startswith(
        "python -m xttslab.train dataset=milliomos optim.lr="
    )
    client = open_client("sqlite:///mlruns/mlflow.db")
    files = {file.path for file in client.list_artifacts(parent.info.run_id, "tuning")}
    assert files == {
        "tuning/runs.csv",
        "tuning/parallel_coordinates.png",
        "tuning/importance.png",
    }


def test_hopeless_trials_are_pruned(workplace) -> None:
    search, _ = make({}, trials=5)
    search.run()
    trials = search.study.study.trials
    pruned = [trial for trial in trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned
    assert all(trial.number >= 2 for trial in pruned)
    assert all(len(trial.intermediate_values) < 3 for trial in pruned)
    assert search.study.best().value == min(t.value for t in trials if t not in pruned)


def test_a_stopped_study_goes_on_with_the_run_that_it_was_at(workplace, capsys) -> None:
    search, trained = make({2: SystemExit(130)})
    with pytest.raises(SystemExit):
        search.run()
    assert "the same command goes on" in capsys.readouterr().err
    search.study._held.release()  # as the end of the process does
    again, resumed = make({})
    again.run()
    assert trained == ["lr_000", "lr_001"]
    assert resumed == ["lr_001", "lr_003", "lr_004", "lr_005"]
    trial = again.study.runs()["lr_001"]
    assert trial.intermediate_values[1] == pytest.approx(abs(trial.params["optim.lr"] - 4))
    assert set(runs()) == {"lr", "lr_000", "lr_001", "lr_003", "lr_004", "lr_005"}


def test_no_success_is_an_error(workplace) -> None:
    search, _ = make({1: UserError("a"), 2: UserError("b")}, trials=2)
    with pytest.raises(UserError, match="study lr: no trial succeeded"):
        search.run()


def test_ranges_and_choices():
    space = {
        "optim.lr": {"low": 1e-6, "high": 1e-4, "log": True},
        "adapter.rank": {"low": 4, "high": 32, "step": 4},
        "scheduler": {"choices": ["cosine", "constant"]},
    }
    assert distributions(space) == {
        "optim.lr": FloatDistribution(1e-6, 1e-4, log=True),
        "adapter.rank": IntDistribution(4, 32, step=4),
        "scheduler": CategoricalDistribution(["cosine", "constant"]),
    }


@pytest.mark.parametrize(
    "entry", [{}, {"low": 1}, {"low": 2, "high": 1}, {"choices": []}, {"low": 1, "hight": 2}]
)
def test_what_is_no_range_names_its_key(entry):
    with pytest.raises(UserError, match=r"sweep.space.optim.lr: "):
        distributions({"optim.lr": entry})


def test_a_draw_is_what_hydra_takes():
    assert overrides({"optim.lr": 3e-6, "a": None}) == ["optim.lr=3e-06", "a=null"]
    texts = {"scheduler": "cosine", "init_from": "best:Őszi kör", "b": "1, 2"}
    assert overrides(texts) == ["scheduler=cosine", "init_from='best:Őszi kör'", "b='1, 2'"]
