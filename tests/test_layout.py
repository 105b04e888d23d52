"""Folders are the stages of the pipeline: imports go one way, and files keep to their size."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "xttslab"
MODULES = sorted(PACKAGE.rglob("*.py"))
ALLOWED = {
    "data": {"data"},
    "model": {"data", "model"},
    "tracking": {"tracking", "data"},
    "training": {"data", "model", "tracking", "evaluation", "training"},
    "tuning": {"tracking", "training", "tuning"},
    "evaluation": {"data", "model", "tracking", "evaluation"},
    "reporting": {"data", "tracking", "evaluation", "reporting"},
    "importing": {"model", "tracking", "importing"},
    "speaking": {"data", "model", "tracking", "speaking"},
    "judging": {"data", "model", "tracking", "speaking", "evaluation", "judging"},
    "exporting": {"data", "model", "tracking", "speaking", "exporting"},
}
SHARED = {"errors", "files", "paths", "commands", "overrides", ""}
ENTRY_POINTS = {path.stem for path in PACKAGE.glob("*.py")} - {*SHARED, "__init__"}


def imported(path: Path) -> set[str]:
    """The xttslab modules that a file imports, by the first part of their name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "xttslab":
                names = [f"xttslab.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("xttslab.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    stage = path.relative_to(PACKAGE).parts[0]
    used = imported(path)
    if stage in ALLOWED:
        assert used <= ALLOWED[stage] | SHARED - {"commands"}
    assert not used & ENTRY_POINTS, "nothing imports an entry point"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_says_what_comes_in_and_out(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not [path for path in MODULES if path.stem in {"utils", "helpers", "misc", "common"}]
