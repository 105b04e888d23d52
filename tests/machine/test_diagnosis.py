"""Every fault of a machine, planted: the right line, and what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from xttslab import doctor
from xttslab.errors import UserError
from xttslab.machine import diagnosis, graphics_cards
from xttslab.machine.diagnosis import (
    Check,
    as_json,
    check_card,
    check_disk,
    check_encoding,
    check_product,
    check_python,
    check_rights,
    check_store,
    check_training,
    check_weights,
    examine,
)
from xttslab.machine.graphics_cards import (
    Card,
    Machine,
    refuse_idle_card,
    this_machine,
    unusable_card,
)

LAPTOP = Card("NVIDIA GeForce RTX 4070", (8, 9), 11.2, 12.9)
FIT = Machine(
    (3, 12), "2.14.1+cu130", "13.0", ("sm_80", "sm_90", "sm_120"), (LAPTOP.name,), [LAPTOP]
)
NEEDED = ("model.pth", "vocab.json")


def test_a_fit_card_names_its_preset() -> None:
    assert check_card(FIT) == Check(
        "card",
        "ok",
        "NVIDIA GeForce RTX 4070, 11.2 of 12.9 GB free, torch 2.14.1+cu130: hardware=gpu_12gb",
    )


def test_a_torch_without_cuda_beside_a_card_is_a_fault() -> None:
    bare = replace(FIT, torch="2.14.1+cpu", cuda=None, built_for=(), cards=[])
    assert str(check_card(bare)) == (
        "fault    card       torch 2.14.1+cpu was built without CUDA, and NVIDIA GeForce RTX 4070 "
        "is there → python run.py setup"
    )


def test_a_driver_that_is_too_old_is_a_fault() -> None:
    line = check_card(replace(FIT, cards=[]))
    assert line.status == "fault"
    assert line.found == "torch 2.14.1+cu130 for CUDA 13.0 cannot use NVIDIA GeForce RTX 4070"
    assert line.remedy == "update the NVIDIA driver, then python run.py setup"


def test_a_card_that_is_not_in_the_build_is_a_fault() -> None:
    new = Card("NVIDIA GeForce RTX 5070 Ti", (12, 0), 15.0, 16.0)
    line = check_card(replace(FIT, built_for=("sm_80", "sm_86", "sm_90"), cards=[new]))
    assert line.status == "fault"
    assert line.found == (
        "NVIDIA GeForce RTX 5070 Ti (sm_120) is not in torch 2.14.1+cu130: sm_80 sm_86 sm_90"
    )
    assert "TORCH_BUILDS in run.py" in line.remedy


@pytest.mark.parametrize(
    ("built_for", "usable"),
    [
        (("sm_86",), True),
        (("sm_90",), False),
        (("compute_80",), True),
        (("sm_75",), False),
        (("sm_120",), False),
        (("compute_120",), False),
    ],
)
def test_code_runs_on_later_minor_versions_only(built_for: tuple[str], usable: bool) -> None:
    assert (unusable_card(replace(FIT, built_for=built_for)) is None) == usable


def test_training_stops_before_it_falls_back_to_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = replace(FIT, torch="2.14.1+cpu", cuda=None, built_for=(), cards=[])
    monkeypatch.setattr(graphics_cards, "this_machine", lambda: bare)
    monkeypatch.setattr(graphics_cards, "driver_cards", lambda: [LAPTOP.name])
    with pytest.raises(UserError) as raised:
        refuse_idle_card("auto")
    assert str(raised.value) == (
        "torch 2.14.1+cpu was built without CUDA, and NVIDIA GeForce RTX 4070 is there: python "
        "run.py setup; trainer=cpu trains on the processor all the same"
    )
    refuse_idle_card("cpu")  # it is meant
    monkeypatch.setattr(graphics_cards, "this_machine", lambda: FIT)
    refuse_idle_card("auto")
    monkeypatch.setattr(graphics_cards, "this_machine", pytest.fail)
    monkeypatch.setattr(graphics_cards, "driver_cards", list)
    refuse_idle_card("gpu")  # without a driver Lightning says it itself


def test_a_full_card_and_no_card() -> None:
    full = replace(FIT, cards=[replace(LAPTOP, free_gb=3.0)])
    assert check_card(full).remedy == "close other programs: the smallest preset takes 4.8 GB"
    none = check_card(replace(FIT, driver_cards=(), cards=[]))
    assert none.status == "warning"
    assert "model=xtts_mini" in none.remedy


def test_an_old_python_is_a_fault() -> None:
    assert check_python(replace(FIT, python=(3, 10))).found == "3.10 is older than 3.11"
    assert check_python(FIT).status == "ok"


def test_a_slow_bfloat16_is_said_and_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "slow_bfloat16", lambda: "140 times more slowly in bfloat16")
    line = check_product(replace(FIT, cards=[]))
    assert (line.status, line.found) == ("ok", "140 times more slowly in bfloat16; float32 is used")


@pytest.mark.parametrize(("free", "status"), [(4e9, "fault"), (20e9, "warning"), (90e9, "ok")])
def test_a_full_disk_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, status: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    line = check_disk(tmp_path)
    assert (line.status, line.found) == (status, f"{free / 1e9:.0f} GB free in {tmp_path}")


def test_a_folder_without_rights_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    assert check_rights(tmp_path).status == "ok"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(Path, "write_text", denied)
    assert str(check_rights(tmp_path)) == (
        f"fault    folder     {tmp_path} cannot be written (Permission denied) "
        "→ work in a folder of your own"
    )


@pytest.mark.parametrize(
    ("encoding", "status"), [("utf-8", "ok"), ("cp1250", "warning"), ("cp1252", "warning")]
)
def test_an_encoding_without_arrows_or_accents_is_a_warning(encoding: str, status: str) -> None:
    assert check_encoding(encoding).status == status


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").touch()
    line = check_weights(tmp_path, NEEDED)
    assert line.found == f"XTTS-v2 is not in {tmp_path}: model.pth missing"
    (tmp_path / "model.pth").touch()
    assert check_weights(tmp_path, NEEDED).status == "ok"


def test_a_broken_store_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(b"no database" * 100)
    line = check_store(f"sqlite:///{broken}")
    assert line.status == "fault"
    assert "file is not a database" in line.found
    assert "restore the file from a copy" in line.remedy


def test_a_good_store_is_ok(empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert check_store(f"sqlite:///{empty_store}").status == "ok"
    with sqlite3.connect(empty_store) as store:
        assert store.execute("select count(*) from experiments").fetchone()[0] >= 1


def test_a_training_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        said = b"Traceback\nerror: no space left on the device\n"
        return subprocess.CompletedProcess(command, 2, b"", said)

    monkeypatch.setattr(subprocess, "run", run)
    line = check_training(diagnosis.train_small)
    assert line == Check(
        "training", "fault", "xttslab prepare failed: error: no space left on the device"
    )


def test_a_training_that_hangs_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 300)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(UserError, match="xttslab prepare took more than 300 s"):
        diagnosis.train_small()
    assert check_training(lambda: 41.2).found == "an epoch of the small model ran in 41 s"


def test_all_checks_in_order_and_as_json(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "check_product", lambda _: Check("bfloat16", "ok", "right"))
    store = "sqlite:///mlruns/mlflow.db"
    lines = list(examine(FIT, workplace, workplace, NEEDED, store, "utf-8", lambda: 1.0))
    assert [line.name for line in lines] == [
        "python", "card", "bfloat16", "disk", "folder", "encoding", "decoders", "weights",
        "store", "training",
    ]  # fmt: skip
    assert json.loads(as_json(lines))[1]["name"] == "card"


@pytest.mark.parametrize(("status", "code"), [("fault", 1), ("warning", None)])
def test_a_fault_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, code: int
) -> None:
    found = [Check("disk", status, "2 GB free", "free some")]  # type: ignore[arg-type]
    monkeypatch.setattr(diagnosis, "examine", lambda *_: iter(found))
    config = OmegaConf.create(
        {
            "model": {"folder": "models", "files": {"gpt": "model.pth"}},
            "tracking": {"uri": "sqlite:///mlruns/mlflow.db"},
            "training": False,
            "json": False,
        }
    )
    if code:
        with pytest.raises(SystemExit) as end:
            doctor.main(config)
        assert end.value.code == code
    else:
        doctor.main(config)
    assert capsys.readouterr().out == f"{found[0]}\n"


def test_this_machine_is_asked() -> None:
    found = this_machine()
    assert found.python >= (3, 11)
    assert found.torch[0].isdigit()
