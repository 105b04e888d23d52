"""Stored paths: relative inside a project, with forward slashes, and found after a move."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.paths import found_path, is_absolute, stored_path


def test_inside_the_project_a_path_is_relative(tmp_path: Path) -> None:
    base = tmp_path / "outputs/run"
    assert stored_path(tmp_path / "data/a.wav", base, tmp_path) == "../../data/a.wav"
    assert stored_path(Path("/elsewhere/a.wav"), base, tmp_path) == "/elsewhere/a.wav"
    assert stored_path(tmp_path / "data/a.wav", Path("/run"), tmp_path) == f"{tmp_path}/data/a.wav"


@pytest.mark.parametrize(
    "stored",
    [
        "../../data/quiz/a.wav",
        r"..\..\data\quiz\a.wav",
        "data/quiz/a.wav",  # to the project, as earlier versions stored it
        "/gone/project/data/quiz/a.wav",
        r"C:\project\data\quiz\a.wav",
    ],
)
def test_a_path_is_found_in_the_project_of_its_base(tmp_path: Path, stored: str) -> None:
    wanted = tmp_path / "project/data/quiz/a.wav"
    wanted.parent.mkdir(parents=True)
    wanted.touch()
    assert found_path(stored, tmp_path / "project/outputs/run", Path.is_file) == wanted


def test_what_is_there_is_taken_and_what_is_nowhere_is_not(tmp_path: Path) -> None:
    first, second = tmp_path / "first/data/a.wav", tmp_path / "second/data/a.wav"
    for path in (first, second):
        path.parent.mkdir(parents=True)
        path.touch()
    assert found_path(str(first), tmp_path / "second", Path.is_file) == first
    first.unlink()
    assert found_path(str(first), tmp_path / "second", Path.is_file) == second
    assert found_path("/gone/b.wav", tmp_path / "second", Path.is_file) is None
    assert (
        found_path("/gone/a.wav", second.parent, Path.is_file) is None
    )  # a name alone: too little


@pytest.mark.parametrize(("path", "is_so"), [("/a", True), (r"C:\a", True), (r"a\b", False)])
def test_absolute_on_any_system(path: str, is_so: bool) -> None:
    assert is_absolute(path) is is_so
