"""A run's weights come with those it was trained from, only where it needs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.model.base import weight_chain


def checkpoint(folder: Path, origin: str) -> Path:
    kept = folder / "checkpoints"
    kept.mkdir(parents=True)
    (kept / "best.safetensors").touch()
    (kept / "checkpoints.json").write_text(json.dumps({"origin": origin}))
    return kept / "best.safetensors"


def test_a_partial_run_needs_its_origin(tmp_path: Path) -> None:
    first = checkpoint(tmp_path / "first", "")
    second = checkpoint(tmp_path / "second", str(first))
    assert weight_chain(second) == [second, first]
    assert weight_chain(first) == [first]


def test_an_origin_that_is_gone_is_named(tmp_path: Path) -> None:
    second = checkpoint(tmp_path / "second", str(tmp_path / "gone.safetensors"))
    with pytest.raises(UserError, match=r"was trained from .*gone.safetensors, which is gone"):
        weight_chain(second)


def test_a_file_without_a_record_stands_alone(tmp_path: Path) -> None:
    assert weight_chain(tmp_path / "model.pth") == [tmp_path / "model.pth"]


@pytest.mark.parametrize(
    "stored",
    [
        "../../first/checkpoints/best.safetensors",
        "/gone/outputs/first/checkpoints/best.safetensors",
        r"C:\gone\outputs\first\checkpoints\best.safetensors",
    ],
)
def test_an_origin_is_found_in_the_project_wherever_it_is(tmp_path: Path, stored: str) -> None:
    first = checkpoint(tmp_path / "outputs/first", "")
    second = checkpoint(tmp_path / "outputs/second", stored)
    assert weight_chain(second) == [second, first]


def test_a_run_is_never_taken_for_its_own_origin(tmp_path: Path) -> None:
    second = checkpoint(tmp_path / "second", "/gone/first/checkpoints/best.safetensors")
    with pytest.raises(UserError, match=r"gone; put it there again, or write its new place into"):
        weight_chain(second)
