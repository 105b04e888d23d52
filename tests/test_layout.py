"""Folders are the stages of the pipeline: imports go one way, and files keep to their size."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

from experiments.house.figures import (
    Module,
    function_lines,
    read_modules,
    repeated,
    riddles,
    small_with_one_importer,
)

PACKAGE = Path(__file__).parents[1] / "xttslab"
MODULES = sorted(PACKAGE.rglob("*.py"))
SPEECH = {"text", "data", "model", "tracking", "speaking"}
ALLOWED = {
    "text": set(),
    "data": {"text"},
    "model": {"text", "data"},
    "tracking": {"data"},
    "speaking": SPEECH,
    "evaluation": SPEECH,
    "training": {*SPEECH, "evaluation"},
    "machine": {"model", "tracking", "training"},
    "tuning": {"tracking", "training"},
    "exporting": SPEECH,
    "importing": {"model", "tracking"},
    "reporting": {"text", "data", "tracking", "evaluation"},
    "serving": {*SPEECH, "evaluation", "reporting"},
}
LONGEST_MODULE = 300  # lines
LONGEST_FUNCTION = 60
USUAL_FUNCTION = 35  # nine of ten have at most so many lines
# Below 80 lines with one importer, and right as they are: file → reason.
SMALL: dict[str, str] = {}
SHARED = {"errors", "files", "commands", "overrides", "progress", ""}
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
    if path.parent != PACKAGE:
        assert used <= ALLOWED[stage] | {stage} | SHARED - {"commands"}
    assert not used & ENTRY_POINTS, "nothing imports an entry point"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_says_what_it_does(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert not [path for path in MODULES if path.stem in {"utils", "helpers", "misc", "common"}]


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return read_modules()


def test_files_and_functions_keep_to_their_size(modules: list[Module]) -> None:
    assert [m.name for m in modules if m.lines > LONGEST_MODULE] == []
    lengths = function_lines(modules)
    assert lengths[int(0.9 * len(lengths))] <= USUAL_FUNCTION
    assert lengths[-1] <= LONGEST_FUNCTION
    assert 110 <= median(module.lines for module in modules) <= 200


def test_what_has_one_importer_is_no_file_of_its_own(modules: list[Module]) -> None:
    assert sorted(small_with_one_importer(modules)) == sorted(SMALL)
    assert len(SMALL) <= 10


def test_file_names_and_public_classes_are_unique(modules: list[Module]) -> None:
    assert repeated([module.stem for module in modules]) == []
    assert repeated([name for module in modules for name in module.public_classes()]) == []


def test_module_docstrings_say_what_a_module_does(modules: list[Module]) -> None:
    assert riddles(modules) == []
