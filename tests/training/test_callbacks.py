"""Losses that are no number or beyond all measure: the run stops, says where, and loses nothing."""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import pytorch_lightning as pl
import torch

from tests.training.test_run import losses, rows
from xttslab.errors import UserError
from xttslab.model.checkpoints import read_tensors
from xttslab.reporting.pages import run_facts
from xttslab.reporting.run_data import load_run
from xttslab.tracking.client import open_client
from xttslab.tracking.records import NullTracker
from xttslab.training.callbacks import LossGuard, go_back
from xttslab.training.checkpointing import RunCheckpoints
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.gpt_stage import GptStage
from xttslab.training.metrics import GradientLog
from xttslab.training.run import train


class Clips(NamedTuple):
    rows: torch.Tensor


OPTIONS = (
    "run_name=bad",
    "trainer.max_epochs=4",
    "checkpoint.every_minutes=0",
    "batch.clips=2",
    "scheduler=constant",
)


def go_wrong(monkeypatch: pytest.MonkeyPatch, factor: float, first: bool) -> list[str]:
    """Multiply the loss of epoch 3's first or last step; returns the clips of that step, later."""
    start, share, named = GptStage.on_train_batch_start, GptStage.group_share, []

    def at_fault(stage: GptStage, batch_idx: int) -> bool:
        last = stage.trainer.num_training_batches - 1
        return stage.current_epoch == 2 and batch_idx == (0 if first else last)

    def noting(self: GptStage, batch, batch_idx):
        start(self, batch, batch_idx)
        if at_fault(self, batch_idx):
            named.extend(self.clips[row].id for row in batch.rows.tolist())

    def faulty(self: GptStage, loss, batch_idx):
        return share(self, loss * (factor if at_fault(self, batch_idx) else 1), batch_idx)

    monkeypatch.setattr(GptStage, "on_train_batch_start", noting)
    monkeypatch.setattr(GptStage, "group_share", faulty)
    return named


@pytest.mark.parametrize(
    ("factor", "first", "accumulated", "what"),
    [
        (float("nan"), False, 1, "loss is nan"),
        (50.0, True, 1, r"loss is 1\d\d\."),  # of about 3 nats
        (12.0, False, 4, r"loss is [34]\d\."),  # Lightning calls it a quarter of that
    ],
)
def test_the_run_stops_names_the_clips_and_keeps_the_last_good(
    workplace, tiny, monkeypatch, factor: float, first: bool, accumulated: int, what: str
) -> None:
    options = (*OPTIONS, f"trainer.accumulate_grad_batches={accumulated}")
    with monkeypatch.context() as patch:
        clips = go_wrong(patch, factor, first)
        with pytest.raises(UserError, match=rf"epoch 3: the {what}") as raised:
            train(tiny(*options))
    assert len(clips) == 2
    assert ", ".join(clips) in str(raised.value)
    assert "init_from=outputs/bad/checkpoints/best.safetensors" in str(raised.value)
    assert sorted(losses("bad")) == [0, 1, 2]
    weights = torch.load("outputs/bad/checkpoints/last.ckpt", weights_only=True)
    assert weights["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in weights["state_dict"].values())
    train(tiny(*options, "resume=true", "optim.lr=1e-4"))
    rates = [row.get("lr") for _, row in sorted(losses("bad").items())]
    assert rates[1:] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])  # the lower rate took effect


def test_a_gradient_that_is_no_number_is_seen_before_it_is_kept(workplace, tiny, monkeypatch):
    norm = torch.nn.utils.clip_grad_norm_
    calls = []  # of four updates an epoch, the third is broken

    def broken(parameters, limit):
        calls.append(limit)
        found = norm(parameters, limit)
        return found * float("nan") if len(calls) == 3 else found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", broken)
    with pytest.raises(UserError, match=r"epoch 1: the gradient is nan on .*\d"):
        train(tiny(*OPTIONS))
    assert not Path("outputs/bad/checkpoints").exists()


def test_a_gradient_names_the_clips_of_all_steps_that_it_is_of() -> None:
    guard = LossGuard(20.0, "best.safetensors")
    stage = DecoderStage.__new__(DecoderStage)
    pl.LightningModule.__init__(stage)
    stage.gradients, stage.clips = GradientLog(), [SimpleNamespace(id=f"s/{n}") for n in range(4)]
    trainer = SimpleNamespace(precision_plugin=None, current_epoch=0, world_size=1)
    guard.on_train_epoch_start(trainer, stage)
    for step, norm in enumerate([None, 1.0, None, math.inf]):  # two steps an update
        stage.step_loss = torch.tensor(3.0)
        if norm is not None:
            stage.gradients.add({"": torch.tensor(norm)}, 1.0)
        guard.on_train_batch_end(trainer, stage, None, Clips(torch.tensor([step])), step)
    with pytest.raises(UserError, match=r"epoch 1: the gradient is inf on s/2, s/3; nothing"):
        guard.on_train_epoch_end(trainer, stage)


pytestmark = pytest.mark.posix  # Windows ends a process by os.kill, whatever the signal

INTERRUPTING_OPTIONS = ("trainer.max_epochs=4", "batch.clips=2")


def press_ctrl_c(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """In the second epoch's second step; a terminal sends it to every process of the command."""
    step = GptStage.training_step

    def pressing(self: GptStage, batch, batch_idx):
        if self.current_epoch == 1 and batch_idx == 1:
            reached = [worker.pid for worker in multiprocessing.active_children()]
            for process in [*reached, *[os.getpid()] * times]:
                os.kill(process, signal.SIGINT)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GptStage, "training_step", pressing)


@pytest.mark.parametrize("workers", [0, 1])
def test_once_finishes_the_epoch_and_saves_it(
    workplace, tiny, monkeypatch, capsys, workers: int
) -> None:
    former = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 1)
        with pytest.raises(SystemExit) as stopped:
            train(tiny("run_name=cut", f"batch.workers={workers}", *INTERRUPTING_OPTIONS))
    assert stopped.value.code == 130
    assert signal.getsignal(signal.SIGINT) is former
    said = capsys.readouterr().err
    assert "this epoch is finished and saved" in said
    assert "go on with resume=true run_name=cut" in said
    assert sorted(losses("cut")) == [0, 1, 2]
    train(tiny("run_name=cut", "resume=true", *INTERRUPTING_OPTIONS))
    assert sorted(losses("cut")) == [0, 1, 2, 3, 4]


def test_twice_stops_at_once(workplace, tiny, monkeypatch, capsys) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 2)
        with pytest.raises(SystemExit) as stopped:
            train(tiny("run_name=cut", *INTERRUPTING_OPTIONS))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning leaves it ignored
    assert stopped.value.code == 130
    assert sorted(losses("cut")) == [0, 1]
    assert "go on with resume=true run_name=cut" in capsys.readouterr().err


def test_in_the_last_epoch_the_run_just_ends(workplace, tiny, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c(patch, 1)
        assert train(tiny("run_name=short", "trainer.max_epochs=2", "batch.clips=2")) > 0
    assert Path("outputs/short/finished").is_file()


STORE = "sqlite:///mlruns/mlflow.db"
ONE_HISTORY_OPTIONS = (
    "run_name=cut",
    "trainer.max_epochs=4",
    "samples.every_n_epochs=1",
    "checkpoint.every_minutes=0",
)


def in_mlflow() -> dict[str, object]:
    """Run name → run, of all in the store."""
    client = open_client(STORE)
    experiments = [found.experiment_id for found in client.search_experiments()]
    return {run.info.run_name: run for run in client.search_runs(experiments)}


def histories(run) -> dict[str, list[tuple[int, float]]]:
    client = open_client(STORE)
    return {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }


def table() -> list[dict[str, str]]:
    with Path("outputs/cut/evaluation/clip_losses.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def spoken(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder, "samples").glob("epoch_*"))


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch) -> dict[int, torch.Tensor]:
    """What each epoch's weights were when it was ranked, by one of their tensors."""
    seen: dict[int, torch.Tensor] = {}
    rank = RunCheckpoints._rank

    def noting(self, value, epoch, trainer, module) -> None:
        seen[epoch] = module.gpt.mel_head.weight.detach().clone()
        rank(self, value, epoch, trainer, module)

    monkeypatch.setattr(RunCheckpoints, "_rank", noting)
    return seen


def cut_in_epoch_4(tiny, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Train three epochs and a part of the fourth; the newest checkpoint is of the first."""
    step, write = GptStage.training_step, RunCheckpoints._write_last

    def cut_off(self, batch, batch_idx):
        if self.current_epoch == 3:
            raise OSError("the power went")
        return step(self, batch, batch_idx)

    def first_alone(self, trainer) -> None:
        if trainer.current_epoch == 0:
            write(self, trainer)

    with monkeypatch.context() as patch:
        patch.setattr(GptStage, "training_step", cut_off)
        patch.setattr(RunCheckpoints, "_write_last", first_alone)
        with pytest.raises(OSError, match="the power went"):
            train(tiny(*ONE_HISTORY_OPTIONS, *more))


def test_another_rate_makes_another_history(workplace, tiny, monkeypatch, ranked, capsys) -> None:
    cut_in_epoch_4(tiny, monkeypatch)
    before, weights = rows("cut"), dict(ranked)
    assert sorted(before) == [0, 1, 2, 3]
    later = min((2, 3), key=lambda epoch: before[epoch]["eval/mel_ce"])
    assert before[later]["eval/mel_ce"] < before[1]["eval/mel_ce"]  # the best is behind that

    best = train(tiny(*ONE_HISTORY_OPTIONS, "resume=true", "optim.lr=0"))
    after = rows("cut")
    assert "going on from epoch 1" in capsys.readouterr().err
    assert [after[0], after[1]] == [before[0], before[1]]
    assert [after[epoch]["lr"] for epoch in range(1, 5)] == [
        pytest.approx(before[1]["lr"]),
        0,
        0,
        0,
    ]
    for epoch in (2, 3, 4):  # nothing is learned any more
        assert after[epoch]["eval/mel_ce"] == pytest.approx(before[1]["eval/mel_ce"], abs=1e-6)

    # clip losses and samples
    for epoch, row in after.items():
        part = [r for r in table() if int(r["epoch"]) == epoch]
        assert len(part) == len({r["clip"] for r in part}) == 2
        nats, tokens = (sum(float(r[name]) for r in part) for name in ("mel", "mel_tokens"))
        assert nats / tokens == pytest.approx(row["eval/mel_ce"], abs=1e-6)
    assert spoken("outputs/cut") == [f"epoch_{epoch:03d}" for epoch in range(5)]

    # what was set aside is whole
    aside = Path("outputs/cut/set_aside/1")
    lines = (aside / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert {row.pop("epoch"): row for row in map(json.loads, lines)} == {2: before[2], 3: before[3]}
    assert spoken(str(aside)) == ["epoch_002", "epoch_003"]
    checkpoints = Path("outputs/cut/checkpoints")
    names = ["best.safetensors", "best_set_aside_1.safetensors", "checkpoints.json"]
    assert sorted(path.name for path in checkpoints.iterdir()) == names

    # the best and its record
    record = json.loads((checkpoints / "checkpoints.json").read_text(encoding="utf-8"))
    assert record["best_first"] == [{"epoch": 1, "eval/mel_ce": before[1]["eval/mel_ce"]}]
    assert best == before[1]["eval/mel_ce"]
    for name, epoch in (("best", 1), ("best_set_aside_1", later)):
        kept = read_tensors(checkpoints / f"{name}.safetensors")
        assert torch.equal(kept["gpt.mel_head.weight"], weights[epoch]), name

    # MLflow: every metric once, and the other history as a run of its own
    runs = in_mlflow()
    assert set(runs) == {"cut", "cut, set aside behind epoch 1"}
    found = runs["cut"]
    assert (found.info.status, found.data.tags["best_epoch"]) == ("FINISHED", "1")
    for name, points in histories(found).items():
        expected = {epoch: row[name] for epoch, row in after.items() if name in row}
        assert len(points) == len(expected), name
        assert dict(points) == expected, name
    other = runs["cut, set aside behind epoch 1"]
    assert (other.info.status, other.data.tags["set_aside"]) == ("KILLED", "1")
    assert dict(histories(other)["eval/mel_ce"])[3] == before[3]["eval/mel_ce"]

    # the report
    run = load_run("outputs/cut", STORE)
    assert run.histories["eval/mel_ce"] == {e: row["eval/mel_ce"] for e, row in after.items()}
    assert run.run_id == found.info.run_id
    assert run.params["optim.lr"] == "0"
    assert ("changed when resumed", "optim.lr 0.001 → 0") in run_facts(run)


def test_the_same_settings_repeat_the_epochs_in_the_same_run(workplace, tiny, monkeypatch) -> None:
    silent = "samples.every_n_epochs=0"
    cut_in_epoch_4(tiny, monkeypatch, silent)
    before = rows("cut")
    train(tiny(*ONE_HISTORY_OPTIONS, silent, "resume=true"))
    after = rows("cut")
    assert sorted(after) == [0, 1, 2, 3, 4]
    for epoch in (2, 3):
        assert after[epoch]["eval/mel_ce"] == pytest.approx(before[epoch]["eval/mel_ce"], abs=1e-6)
    (run,) = in_mlflow().values()
    for name, points in histories(run).items():
        assert [step for step, _ in points] == [e for e, row in after.items() if name in row], name
    record = json.loads(Path("outputs/cut/checkpoints/checkpoints.json").read_text("utf-8"))
    lowest = min((row["eval/mel_ce"], epoch) for epoch, row in after.items() if epoch)
    assert record["best_first"] == [{"epoch": lowest[1], "eval/mel_ce": lowest[0]}]


class Noted(NullTracker):
    epochs: tuple[int, ...] = ()

    def go_back(self, epoch: int) -> None:
        self.epochs += (epoch,)


def lay_out(run_dir: Path) -> None:
    for epoch in range(3):
        folder = run_dir / "samples" / f"epoch_{epoch:03d}"
        folder.mkdir(parents=True)
        (folder / "03_greeting.wav").write_bytes(b"RIFF")
    rows = "".join(json.dumps({"epoch": epoch, "eval/mel_ce": "nan"}) + "\n" for epoch in range(3))
    (run_dir / "metrics.jsonl").write_text(rows, encoding="utf-8")
    losses = "epoch,clip\n0,a\n1,a\n2,a\n"  # of an older run: fewer columns
    (run_dir / "evaluation").mkdir()
    (run_dir / "evaluation/clip_losses.csv").write_text(losses, encoding="utf-8")


def test_each_return_has_a_folder_of_its_own(tmp_path: Path) -> None:
    tracker = Noted()
    lay_out(tmp_path)
    go_back(tmp_path, tracker, 2)
    assert (tracker.epochs, (tmp_path / "set_aside").exists()) == ((), False)
    go_back(tmp_path, tracker, 1)
    go_back(tmp_path, tracker, -1)  # killed before its first checkpoint: all of it
    assert tracker.epochs == (1, -1)
    assert spoken(str(tmp_path)) == []
    assert spoken(str(tmp_path / "set_aside/1")) == ["epoch_002"]
    assert spoken(str(tmp_path / "set_aside/2")) == ["epoch_000", "epoch_001"]
    assert not (tmp_path / "evaluation/clip_losses.csv").exists()
    table = (tmp_path / "set_aside/2/evaluation/clip_losses.csv").read_text(encoding="utf-8")
    assert table == "epoch,clip\n0,a\n1,a\n"


def test_a_new_run_sets_nothing_aside(tmp_path: Path) -> None:
    tracker = Noted()
    go_back(tmp_path / "new", tracker, -1)
    assert tracker.epochs == ()
    assert not (tmp_path / "new").exists()
