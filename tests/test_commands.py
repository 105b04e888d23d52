"""Command lines as people type them: free text survives, faults are one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xttslab.commands import quote_free_text

ROOT = Path(__file__).parents[1]
TEXTS = [
    "Nagyszerű teljesítmény!",
    "A, B, C vagy D?",
    "idézet: \"igen\", 'nem'",
    "(zárójel) [szögletes] {kapcsos}",
    "egyenlő = jel, $dollár és ${csali}",
    "vissza\\per",
    "perjel a végén\\",
    "kettő \\' együtt",
    "it's ~tilde, #kettős: kereszt",
    "null",
    "3",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("key", ["text", "+text", "source", "init_from"])
def test_free_text_reaches_the_configuration_unchanged(text: str, key: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (quoted,) = quote_free_text([f"{key}={text}"])
    override = OverridesParser.create().parse_override(quoted)
    value = override.value()
    expected = None if text == "null" else text
    assert value == expected or str(value) == expected


def test_other_values_stay_as_they_are() -> None:
    given = ["optim.lr=1e-4,3e-4", "-m", "--help", "dataset=combined", "text='quoted'", "run=null"]
    assert quote_free_text(given) == given


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-m", *arguments]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modell=x"], "Could not override 'modell'"),
        (["dataset=nincs"], "Available options in 'dataset': blikk combined"),
        (["optim.lrr=1"], "Could not override 'optim.lrr'"),
        (["trainer.max_epochs"], "missing EQUAL"),
        (
            ["dataset=combined", "trainer.max_epochs=60"],
            "data/milliomos does not exist; make it with "
            "`python -m xttslab.prepare dataset=milliomos source=PATH`",
        ),
    ],
)
def test_a_fault_is_one_line_with_a_remedy(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = command("xttslab.train", *arguments, folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_missing_weights_are_told_before_anything_is_loaded(tmp_path: Path) -> None:
    for name in ("milliomos", "blikk"):
        (tmp_path / "data" / name).mkdir(parents=True)
    result = command("xttslab.train", "dataset=combined", "trainer.max_epochs=60", folder=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert "models/xtts_v2" in line
    assert "model.accept_licence=true" in line
    assert "model=xtts_mini" in line


def test_help_lists_the_groups(tmp_path: Path) -> None:
    result = command("xttslab.train", "--help", folder=tmp_path)
    assert result.returncode == 0
    for group in ("dataset", "experiment", "model", "optim", "trainer"):
        assert f"\n{group}: " in result.stdout
