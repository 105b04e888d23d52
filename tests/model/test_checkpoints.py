"""Checkpoints of every origin are read as data, checked, and never written to."""

from __future__ import annotations

import pickle
import resource
from pathlib import Path

import pytest
import torch
from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

from xttslab.errors import UserError
from xttslab.model.checkpoints import load_part, part, read_tensors, write_tensors

WEIGHTS = {"gpt.a.weight": torch.arange(6.0).view(2, 3), "mel_stats": torch.ones(80)}


def test_the_released_pickle_with_its_old_module_path_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original model.pth holds an XttsConfig pickled when the classes lived elsewhere."""
    path = tmp_path / "model.pth"
    with monkeypatch.context() as old:
        for kind in (XttsArgs, XttsAudioConfig):
            old.setattr(kind, "__module__", "TTS.tts.models.xtts")
        torch.save({"config": XttsConfig(), "model": WEIGHTS}, path)
    before = path.read_bytes()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    tensors = read_tensors(path)
    assert tensors["gpt.a.weight"].equal(WEIGHTS["gpt.a.weight"])
    assert path.read_bytes() == before  # Coqui's loader writes the file anew


def test_a_coqui_trainers_file_loses_its_prefix_and_its_optimiser(tmp_path: Path) -> None:
    state = {f"xtts.{name}": value for name, value in WEIGHTS.items()}
    state["xtts.gpt.gpt_inference.lm_head.weight"] = torch.zeros(1)
    state["dvae.decoder.0.weight"] = torch.zeros(1)
    path = tmp_path / "best_model.pth"
    torch.save({"model": state, "optimizer": {"state": {}}, "step": 54}, path)
    tensors = read_tensors(path)
    assert set(part(tensors, "gpt.")) == {"a.weight"}
    assert set(part(tensors, "dvae.")) == {"decoder.0.weight"}


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "trap.pth"
    torch.save({"model": WEIGHTS, "extra": Trap()}, path)
    with pytest.raises(UserError, match=r"trap.pth: cannot be read as a checkpoint"):
        read_tensors(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_a_damaged_file_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(UserError, match=f"{name}: cannot be read as a checkpoint"):
        read_tensors(path)


@pytest.mark.posix
def test_weights_can_be_read_by_whom_other_files_can(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_tensors(tmp_path / "best.safetensors", WEIGHTS)
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_weights_go_round_in_both_precisions(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    write_tensors(path, WEIGHTS)
    assert read_tensors(path)["gpt.a.weight"].equal(WEIGHTS["gpt.a.weight"])
    write_tensors(path, WEIGHTS, half=True)
    assert read_tensors(path)["gpt.a.weight"].dtype == torch.float16


def test_a_checkpoint_of_another_size_is_refused() -> None:
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 2, bias=False)})
    with pytest.raises(
        UserError, match=r"x: gpt.a.weight is \(2, 3\), the model wants \(2, 4\); choose the model="
    ):
        load_part(model, WEIGHTS, "gpt.", "x")


def test_missing_and_foreign_weights_are_named() -> None:
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 2)})
    with pytest.raises(UserError, match=r"weight gpt.a.bias is missing"):
        load_part(model, WEIGHTS, "gpt.", "x")
    load_part(model, WEIGHTS, "gpt.", "x", partial=True)
    assert model["a"].weight.equal(WEIGHTS["gpt.a.weight"])
    foreign = {**WEIGHTS, "gpt.a.bias": torch.zeros(2), "gpt.z": torch.zeros(1)}
    with pytest.raises(UserError, match=r"weight gpt.z is not of this model"):
        load_part(model, foreign, "gpt.", "x")


def test_a_full_disk_keeps_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    write_tensors(path, WEIGHTS)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"best.safetensors: the checkpoint cannot be written"):
            write_tensors(path, {"gpt.large": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


def test_a_run_may_write_better_weights_while_those_before_are_in_use(tmp_path: Path) -> None:
    """Windows replaces no file whose tensors are mapped."""
    path = tmp_path / "best.safetensors"
    write_tensors(path, {"gpt.a": torch.zeros(3)})
    held = read_tensors(path)
    write_tensors(path, {"gpt.a": torch.ones(3)})
    assert held["gpt.a"].tolist() == [0, 0, 0]
    assert read_tensors(path)["gpt.a"].tolist() == [1, 1, 1]
