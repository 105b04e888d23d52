"""A run by its name, folder or file has one lineage; loggers beside MLflow get every metric."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytorch_lightning.loggers import Logger

from xttslab.errors import UserError
from xttslab.tracking.client import DEFAULT_URI
from xttslab.tracking.run_tracker import RunTracker
from xttslab.training.start import Start, instances, plain, resolve_start


def made(name: str, status: str = "FINISHED", **tags: object) -> Path:
    """A run of three epochs with two checkpoints; returns its folder."""
    run_dir = Path("outputs") / name
    (run_dir / "checkpoints").mkdir(parents=True)
    for kept in ("best", "epoch_002"):
        (run_dir / f"checkpoints/{kept}.safetensors").write_bytes(b"weights")
    tracker = RunTracker.start(run_dir, name, tags={"run_dir": run_dir, "dataset": "quiz"} | tags)
    for epoch in (1, 2, 3):
        tracker.log_metrics({"lr": 1e-6}, epoch)
    assert tracker.finish(status)
    return run_dir


def test_a_folder_or_a_file_of_a_run_is_that_run(workplace: Path) -> None:
    run_dir = made("first", epochs_total=33, monitor="m", best_value=1.0, model="xtts_mini")
    best = (run_dir / "checkpoints/best.safetensors").resolve()
    named = resolve_start("first", DEFAULT_URI)
    assert named == Start(best, named.run_id, "first", 33)
    assert len(named.run_id) == 32
    for place in (run_dir, run_dir / "checkpoints", best, "best:quiz"):
        assert resolve_start(str(place), DEFAULT_URI) == named
    other = run_dir / "checkpoints/epoch_002.safetensors"
    assert resolve_start(str(other), DEFAULT_URI) == replace(named, checkpoint=other.resolve())


def test_a_run_that_was_stopped_has_the_epochs_that_it_trained(workplace: Path) -> None:
    run_dir = made("stopped", "KILLED", epochs_before=30)
    assert resolve_start(str(run_dir), DEFAULT_URI).epochs == 33


def test_a_file_of_no_run_has_no_lineage(workplace: Path) -> None:
    Path("model.pth").write_bytes(b"weights")
    assert resolve_start("model.pth", DEFAULT_URI) == Start(Path("model.pth").resolve())
    with pytest.raises(UserError, match=r"init_from=gone\.pth: no such checkpoint"):
        resolve_start("gone.pth", DEFAULT_URI)


def test_best_is_of_the_model_that_is_trained(workplace: Path) -> None:
    made("small", model="xtts_mini", monitor="m", best_value=1.0)
    with pytest.raises(UserError, match=r"no finished run of xtts_v2 on data set 'quiz' .* choose"):
        resolve_start("best:quiz", DEFAULT_URI, {"model.name": "xtts_v2"})


def beside(config) -> list[Logger]:
    return instances("logger", plain(config.logger), Logger)


def test_tensorboard_gets_every_metric_beside_mlflow(workplace: Path, compose) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert beside(compose()) == []
    made = beside(compose("logger=tensorboard", "run_name=mind"))
    tracker = RunTracker.start(Path("outputs/mind"), "mind", others=made)
    tracker.log_params({"optim.lr": 3e-6})
    tracker.log_metrics({"eval/mel_ce": 4.5}, 0)
    tracker.log_metrics({"eval/mel_ce": 4.25, "score/overall": 7.0}, 1)
    tracker.log_metrics({"eval/mel_ce": 9.0}, 1)  # held already, and so not told again
    assert tracker.finish()
    written = EventAccumulator("outputs/mind/tensorboard").Reload()
    assert {name: [(e.step, e.value) for e in written.Scalars(name)]
            for name in written.Tags()["scalars"]} == {
        "eval/mel_ce": [(0, 4.5), (1, 4.25)], "score/overall": [(1, 7.0)],
    }  # fmt: skip
    options = Path("outputs/mind/tensorboard/hparams.yaml").read_text(encoding="utf-8")
    assert "optim.lr: 3.0e-06" in options


class Away(Logger):
    """A logger whose service is away."""

    name, version = "away", 0
    asked = 0

    def log_hyperparams(self, params) -> None: ...

    def log_metrics(self, metrics, step=None) -> None:
        type(self).asked += 1
        raise ConnectionError("no route")


def test_a_logger_that_fails_ends_no_run(workplace: Path, compose, caplog) -> None:
    (away,) = beside(compose(f"+logger.away._target_={__name__}.Away"))
    tracker = RunTracker.start(Path("outputs/mind"), "mind", others=[away])
    for epoch in range(3):
        tracker.log_metrics({"eval/mel_ce": 5.0 - epoch}, epoch)
    assert tracker.finish()
    assert tracker.last_step == 2
    assert Away.asked == 1
    assert "Away gets nothing more of this run" in caplog.text


def test_what_is_no_logger_is_named(compose) -> None:
    with pytest.raises(UserError, match=r"logger\.mine: is no Logger of Lightning's; give"):
        beside(compose("+logger.mine={_target_: builtins.dict}"))
