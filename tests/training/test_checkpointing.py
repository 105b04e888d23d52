"""Checkpoints that are cut off, garbled or meet a full disk: the run goes on from a whole one."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.model.base import RECORD
from xttslab.model.checkpoints import read_tensors, write_tensors
from xttslab.training import checkpointing as keeping
from xttslab.training.checkpointing import (
    LAST,
    PREVIOUS,
    AtomicCheckpointIO,
    RunCheckpoints,
    resume_point,
)
from xttslab.training.gpt_stage import GptStage
from xttslab.training.run import train

OPTIONS = ("trainer.max_epochs=4", "checkpoint.every_minutes=0")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system refuses what would make a file larger, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def save(folder: Path, number: int) -> None:
    AtomicCheckpointIO().save_checkpoint({"w": torch.full((50_000,), float(number))}, folder / LAST)


def load(folder: Path) -> float:
    return AtomicCheckpointIO().load_checkpoint(folder / LAST)["w"][0].item()


def damage(path: Path, how: str) -> None:
    raw = path.read_bytes()
    changed = {
        "truncated": raw[: len(raw) // 2],
        "empty": b"",
        "zeroed": raw[:1000] + bytes(len(raw) - 2000) + raw[-1000:],
        "another file": b"not a checkpoint at all",
    }
    path.write_bytes(changed[how])


def test_the_checkpoint_before_is_kept(tmp_path: Path) -> None:
    assert resume_point(tmp_path) is None
    for number in range(3):
        save(tmp_path, number)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert load(tmp_path) == 2.0
    (tmp_path / LAST).unlink()  # killed between the two renamings
    assert resume_point(tmp_path) == tmp_path / PREVIOUS
    assert AtomicCheckpointIO().load_checkpoint(tmp_path / PREVIOUS)["w"][0] == 1.0


@pytest.mark.parametrize("how", ["truncated", "empty", "zeroed", "another file"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, capsys, how: str) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    damage(tmp_path / LAST, how)
    assert load(tmp_path) == 1.0
    said = capsys.readouterr().err
    assert f"{tmp_path / LAST}: damaged" in said
    assert "going on from previous.ckpt, the one before it" in said
    assert (tmp_path / f"{LAST}.damaged").is_file()
    save(tmp_path, 3)
    assert load(tmp_path) == 3.0
    assert (tmp_path / PREVIOUS).is_file()


def test_two_damaged_checkpoints_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    save(tmp_path, 1)
    damage(tmp_path / LAST, "truncated")
    with pytest.raises(UserError, match=r"last.ckpt: damaged .*init_from= the run's best"):
        load(tmp_path)
    save(tmp_path, 2)
    damage(tmp_path / LAST, "truncated")
    with pytest.raises(UserError, match=r"previous.ckpt: damaged"):
        load(tmp_path)


def test_a_full_disk_leaves_the_newest_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with (
        largest_file(100_000),
        pytest.raises(
            UserError, match=r"last.ckpt: the checkpoint cannot be written .*resume=true"
        ),
    ):
        save(tmp_path, 2)
    assert load(tmp_path) == 1.0
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


def test_nothing_of_a_checkpoint_is_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"w": Bomb()}, tmp_path / LAST)
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_a_run_goes_on_from_the_checkpoint_before_and_ends_the_same(
    workplace, tiny, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    train(tiny("run_name=whole", *OPTIONS))
    assert not list(Path("outputs/whole/checkpoints").glob("*.ckpt"))
    step = GptStage.training_step

    def cut_off(self: GptStage, batch, batch_idx):
        if self.current_epoch == 3:
            raise OSError("the power went")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GptStage, "training_step", cut_off)
    with pytest.raises(OSError, match="the power went"):
        train(tiny("run_name=cut", *OPTIONS))
    monkeypatch.setattr(GptStage, "training_step", step)
    damage(Path("outputs/cut/checkpoints", LAST), "truncated")
    train(tiny("run_name=cut", "resume=true", *OPTIONS))
    assert "going on from previous.ckpt" in capsys.readouterr().err
    expected, resumed = losses("whole"), losses("cut")
    assert sorted(resumed) == [0, 1, 2, 3, 4]
    for epoch, row in expected.items():
        assert resumed[epoch] == pytest.approx(row, abs=1e-6), epoch


def test_a_full_disk_in_a_run_is_said_and_mended(workplace, tiny) -> None:
    options = ("run_name=full", "trainer.max_epochs=2", "checkpoint.every_minutes=0")
    with largest_file(900_000), pytest.raises(UserError, match=r"cannot be written"):
        train(tiny(*options))
    assert train(tiny(*options, "resume=true")) > 0
    assert sorted(losses("full")) == [0, 1, 2]


class Killed(BaseException):
    pass


class Stage:
    """Its one weight is the number of the epoch."""

    may_be_halved = True

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def trained_weights(self) -> dict[str, torch.Tensor]:
        return {"gpt.epoch": torch.tensor([float(self.epoch)])}


LOSSES = {1: 5.0, 2: 4.0, 3: 4.5, 4: 3.0, 5: 3.5, 6: 2.0, 7: 2.5}
SAVED = (1, 3, 6, 7)  # the epochs at whose end `last` is written


def keep_epochs(folder: Path, top_k: int) -> RunCheckpoints:
    """All epochs behind the newest checkpoint, as a run passes through them."""
    checkpoints = RunCheckpoints(folder, "loss", top_k, False, 1e9, False, "", "")
    first = 0
    if point := resume_point(folder):
        state = AtomicCheckpointIO().load_checkpoint(point)
        first = state["epoch"]
        checkpoints.load_state_dict(state["checkpoints"])

    def save(path: Path) -> None:
        state = {"epoch": trainer.current_epoch + 1, "checkpoints": checkpoints.state_dict()}
        AtomicCheckpointIO().save_checkpoint(state, path)

    trainer = SimpleNamespace(
        current_epoch=first,
        max_epochs=max(LOSSES),
        should_stop=False,
        is_global_zero=True,
        strategy=SimpleNamespace(broadcast=lambda value: value),
        save_checkpoint=save,
    )
    checkpoints.on_train_start(trainer, None)
    assert_agrees(checkpoints)
    for epoch in range(first + 1, max(LOSSES) + 1):
        trainer.current_epoch, trainer.callback_metrics = epoch - 1, {"loss": LOSSES[epoch]}
        trainer.should_stop = epoch in SAVED
        checkpoints.on_train_epoch_end(trainer, Stage(epoch))
    return checkpoints


def epoch_of(path: Path) -> int:
    return int(read_tensors(path)["gpt.epoch"].item())


def assert_agrees(checkpoints: RunCheckpoints) -> None:
    """The record, the files and what the checkpoints knows are of the same epochs."""
    if not checkpoints.kept:
        assert not checkpoints.best_path.exists()
        return
    record = json.loads((checkpoints.folder / RECORD).read_text(encoding="utf-8"))
    epochs = [epoch for _, epoch in checkpoints.kept]
    assert [entry["epoch"] for entry in record["best_first"]] == epochs
    assert epoch_of(checkpoints.best_path) == epochs[0]
    for epoch in epochs[1:]:
        assert epoch_of(checkpoints.folder / f"epoch_{epoch:03d}.safetensors") == epoch


STEPS = ("write_tensors", "write_atomically", "duplicate", "replace", "remove")


def killed_before_step(number: int, folder: Path, top_k: int, monkeypatch) -> bool:
    """Go through the epochs until the disk would be changed for the `number`-th time; returns
    whether that came. In a run that does not go back, a best that was there once stays."""
    done, best = count(1), folder / "best.safetensors"
    new, there = not folder.exists(), [best.is_file()]

    def counting(step):
        def stepping(*arguments, **settings):
            if next(done) == number:
                raise Killed
            step(*arguments, **settings)
            there.append(best.is_file())

        return stepping

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(keeping, name, counting(getattr(keeping, name)))
        try:
            keep_epochs(folder, top_k)
        except Killed:
            return True
        finally:
            assert not new or there == sorted(there), number
    return False


def assert_ends_as_if_never_killed(folder: Path, top_k: int) -> None:
    checkpoints = keep_epochs(folder, top_k)
    assert checkpoints.kept == [(2.0, 6), (2.5, 7), (3.0, 4)][:top_k]
    checkpoints.tidy()
    assert_agrees(checkpoints)
    ours = sorted(path.name for path in folder.iterdir() if "set_aside" not in path.name)
    beside = ["epoch_004.safetensors", "epoch_007.safetensors"] if top_k == 3 else []
    assert ours == ["best.safetensors", RECORD, *beside]
    for path in folder.glob("epoch_*_set_aside_*"):
        assert epoch_of(path) == int(path.name[6:9])


@pytest.mark.parametrize("top_k", [1, 3])
def test_killed_between_any_two_steps_a_run_ends_the_same(tmp_path, monkeypatch, top_k) -> None:
    for number in count(1):
        folder = tmp_path / str(number)
        killed = killed_before_step(number, folder, top_k, monkeypatch)
        assert_ends_as_if_never_killed(folder, top_k)
        if not killed:
            break
    assert number > 15  # each of them was tried


@pytest.mark.parametrize("top_k", [1, 3])
def test_killed_while_it_goes_back_a_run_ends_the_same(tmp_path, monkeypatch, top_k) -> None:
    origin = tmp_path / "origin"
    with monkeypatch.context() as patch:
        patch.setattr(
            RunCheckpoints, "_write_last", in_the_first_epochs(RunCheckpoints._write_last)
        )
        keep_epochs(origin, top_k)  # the best is of epoch 6, the checkpoint of epoch 3
    for number in range(1, 8):
        folder = tmp_path / str(number)
        shutil.copytree(origin, folder)
        assert killed_before_step(number, folder, top_k, monkeypatch)
        assert_ends_as_if_never_killed(folder, top_k)


def in_the_first_epochs(write):
    def writing(self: RunCheckpoints, trainer) -> None:
        if trainer.current_epoch < 3:
            write(self, trainer)

    return writing


def test_a_damaged_checkpoint_finds_the_best_of_the_one_before(tmp_path: Path) -> None:
    checkpoints = keep_epochs(tmp_path, 1)
    for epoch, loss in {8: 1.0, 9: 0.5}.items():  # both checkpoints count 6 as best
        checkpoints._rank(loss, epoch, SimpleNamespace(is_global_zero=True), Stage(epoch))
    (tmp_path / LAST).unlink()
    again = keep_epochs(tmp_path, 1)  # from epoch 6 on
    assert again.kept == [(2.0, 6)]
    assert_agrees(again)
    assert epoch_of(tmp_path / "best_set_aside_1.safetensors") == 9


def test_weights_that_were_overwritten_before_are_said(tmp_path: Path, capsys) -> None:
    """A run that was killed before bests were kept for the checkpoint to go on from."""
    checkpoints = RunCheckpoints(tmp_path, "loss", 1, False, 1e9, False, "", "")
    checkpoints.load_state_dict({"kept": [[4.0, 2]]})
    write_tensors(tmp_path / "best.safetensors", Stage(4).trained_weights())
    record = {"best_first": [{"epoch": 4, "loss": 3.0}]}
    (tmp_path / RECORD).write_text(json.dumps(record), encoding="utf-8")
    strategy = SimpleNamespace(broadcast=lambda value: value)
    trainer = SimpleNamespace(current_epoch=3, is_global_zero=True, strategy=strategy)
    checkpoints.on_train_start(trainer, None)
    assert checkpoints.kept == []
    assert epoch_of(tmp_path / "best_set_aside_1.safetensors") == 4
    said = capsys.readouterr().err
    assert f"the weights of epoch 2 are gone from {tmp_path}" in said
    assert "best_set_aside_1.safetensors, of an epoch that this run goes back behind" in said


def test_a_run_goes_on_by_the_metric_that_it_began_with(tmp_path: Path) -> None:
    checkpoints = RunCheckpoints(tmp_path, "eval/total", 1, False, 1e9, False, "", "")
    state = {"kept": [[4.0, 2]], "before": [], "monitor": "eval/mel_ce"}
    with pytest.raises(UserError, match=r"monitor=eval/total: .* its best by eval/mel_ce so far"):
        checkpoints.load_state_dict(state)


def test_an_epoch_that_was_not_evaluated_is_not_ranked(tmp_path: Path) -> None:
    checkpoints = RunCheckpoints(tmp_path, "loss", 1, False, 1e9, False, "", "")
    strategy = SimpleNamespace(broadcast=lambda value: value)
    trainer = SimpleNamespace(callback_metrics={"train/total": 1.0}, current_epoch=0, max_epochs=4)
    trainer.should_stop, trainer.strategy = False, strategy
    checkpoints.on_train_epoch_start(trainer, None)
    checkpoints.on_train_epoch_end(trainer, Stage(1))
    assert checkpoints.kept == []
    checkpoints.on_validation_end(trainer, None)
    with pytest.raises(UserError, match="monitor=loss is not logged; choose of: train/total"):
        checkpoints.on_train_epoch_end(trainer, Stage(1))
