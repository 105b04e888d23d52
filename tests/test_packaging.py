"""The wheel holds all that a project elsewhere needs, and says truly what it builds on."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from experiments.release.run import build
from tests.conftest import CONF

ROOT = CONF.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
DECLARED = {
    canonicalize_name(one.name): one
    for one in map(
        Requirement, [*PROJECT["project"]["dependencies"], *(r for e in EXTRAS.values() for r in e)]
    )
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist."""
    return build(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def unpacked(built: tuple[Path, Path]) -> Path:
    """The wheel, laid out as an installer does."""
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(built[0].parent / "site")
    return built[0].parent / "site"


def files(folder: Path, pattern: str) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_code_configuration_and_assets(unpacked: Path) -> None:
    assert files(unpacked / "xttslab/conf", "*") == files(CONF, "*.yaml")
    assert files(unpacked / "xttslab/assets", "*") == files(ROOT / "xttslab/assets", "*")
    assert files(unpacked / "xttslab", "*.py") == files(ROOT / "xttslab", "*.py")
    (about,) = unpacked.glob("*.dist-info")
    assert {path.name for path in unpacked.iterdir()} == {"xttslab", about.name}
    assert "xttslab = xttslab.commands:main" in (about / "entry_points.txt").read_text("utf-8")
    assert "Requires-Python: >=3.11" in (about / "METADATA").read_text("utf-8")


def test_the_sdist_holds_what_a_wheel_is_built_from(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        f"{folder}/{name}"
        for folder, pattern in (("conf", "*.yaml"), ("xttslab", "*.py"), ("xttslab/assets", "*"))
        for name in files(ROOT / folder, pattern)
    }
    assert wanted | {"setup.py", "README.md", "LICENSE"} <= held


def test_the_wheel_runs_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    """Its own configuration, and the data sets that were prepared where it runs."""
    prepared = tmp_path / "data/conf/dataset"
    prepared.mkdir(parents=True)
    (prepared / "sajat.yaml").write_text("name: sajat\nsources: {}\n", encoding="utf-8")
    code = "import xttslab.commands as c; print(c.__file__); c.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--cfg", "job", "dataset=sajat", "model=xtts_mini"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(unpacked)}, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    place, *shown = done.stdout.splitlines()
    assert Path(place) == unpacked / "xttslab/commands.py"
    assert "  name: sajat" in shown
    assert "  name: xtts_mini" in shown


def test_everything_imported_is_declared() -> None:
    """What an environment happens to hold through another package may be gone tomorrow."""
    ours = {"xttslab", "experiments"}
    missing: dict[str, str] = {}
    homes = packages_distributions()
    for path in (ROOT / "xttslab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names} - ours:
                made_by = {canonicalize_name(home) for home in homes.get(name, ())}
                if name not in sys.stdlib_module_names and made_by and not made_by & set(DECLARED):
                    missing[name] = str(path.relative_to(ROOT))
    assert missing == {}


def test_what_was_tested_together_is_within_the_declared_bounds() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)
    }
    assert len(pins) >= 20
    wrong = {
        name: str(DECLARED[name])
        for name, version in pins.items()
        if name in DECLARED and version not in DECLARED[name].specifier
    }
    assert wrong == {}
    unbounded = {name for name, one in DECLARED.items() if not one.specifier} - {"xttslab"}
    assert unbounded == set()
