"""Checkpoints that are cut off, garbled or meet a full disk: the run goes on from a whole one."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.training.keeping import LAST, PREVIOUS, WholeFiles, resume_point
from xttslab.training.module import GptStage
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
    WholeFiles().save_checkpoint({"w": torch.full((50_000,), float(number))}, folder / LAST)


def load(folder: Path) -> float:
    return WholeFiles().load_checkpoint(folder / LAST)["w"][0].item()


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
    assert WholeFiles().load_checkpoint(tmp_path / PREVIOUS)["w"][0] == 1.0


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
