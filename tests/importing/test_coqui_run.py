"""A Coqui folder becomes a run that the store, the report and a second training accept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from xttslab.errors import UserError
from xttslab.importing.coqui_run import Target, import_coqui
from xttslab.importing.coqui_units import ARCHITECTURE
from xttslab.model.base import build_base
from xttslab.model.checkpoints import read_tensors
from xttslab.tracking.runs import find_run
from xttslab.training.run import plain, train

FOLDER = Path(__file__).parent / "coqui_tiny"
URI = "sqlite:///mlruns/mlflow.db"


def coqui_folder(path: Path, model: dict) -> dict[str, torch.Tensor]:
    """The fixture with a best model of the tests' tiny size, as Coqui stores one."""
    shutil.copytree(FOLDER, path)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    sizes = model["architecture"]
    config["model_args"] |= {theirs: sizes[ours] for ours, theirs in ARCHITECTURE.items()}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    gpt = build_base(**model, weights="random", seed=3).gpt.state_dict()
    weights = {f"xtts.gpt.{name}": value for name, value in gpt.items()}
    stored = {"model": weights, "optimizer": {"state": {}}, "step": 28, "epoch": 2}
    torch.save(stored, path / "best_model.pth")
    shutil.copy(path / "best_model.pth", path / "best_model_28.pth")
    return gpt


def target(name: str = "first_cycle") -> Target:
    sources = {"milliomos": "data/milliomos"}
    return Target(Path("outputs") / name, URI, "xttslab", "milliomos", sources)


def test_an_imported_run_can_be_found_read_and_continued(workplace, tiny) -> None:
    model = plain(tiny().model)
    gpt = coqui_folder(workplace / "coqui", model)
    made = import_coqui(workplace / "coqui", target(), model)
    assert (made.rows, made.accumulated, made.best[0]) == (2, 2, 2)

    run = find_run("best:milliomos", URI)
    assert run.name == "first_cycle"
    assert run.status == "FINISHED"
    assert run.history("eval/mel_ce") == pytest.approx({0: 7.1158648, 1: 6.0503192, 2: 4.7767324})
    assert run.params["trainer.accumulate_grad_batches"] == "2"
    assert "multiplied by 2 accumulation steps (inferred)" in run.tags["imported.undone"]
    kept = read_tensors(run.checkpoint)
    assert set(kept) == {f"gpt.{name}" for name in gpt}
    assert torch.equal(kept["gpt.mel_head.weight"], gpt["mel_head.weight"])

    with pytest.raises(UserError, match="first_cycle: holds a run already; give another run_name"):
        import_coqui(workplace / "coqui", target(), model)

    train(tiny("run_name=second", "init_from=first_cycle", "trainer.max_epochs=1"))
    assert find_run("second", URI).tags["epochs_total"] == "3"


def test_a_folder_without_weights_is_imported_without_them(workplace, tiny) -> None:
    shutil.copytree(FOLDER, workplace / "coqui")
    made = import_coqui(workplace / "coqui", target(), plain(tiny().model))
    assert made.checkpoint is None
    assert find_run("first_cycle", URI).checkpoint is None


def test_folders_that_are_none_of_coquis_are_refused(workplace, tiny) -> None:
    model = plain(tiny().model)
    (workplace / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty/config.json: no such file; give a training folder"):
        import_coqui(workplace / "empty", target(), model)
    shutil.copytree(FOLDER, workplace / "silent")
    (workplace / "silent/trainer_0_log.txt").write_text("> Start", encoding="utf-8")
    with pytest.raises(UserError, match="hold a finished epoch"):
        import_coqui(workplace / "silent", target(), model)
    shutil.copytree(FOLDER, workplace / "damaged")
    (workplace / "damaged/best_model.pth").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"best_model.pth: cannot be read"):
        import_coqui(workplace / "damaged", target("damaged"), model)
    assert find_run("damaged", URI).status == "FAILED"
