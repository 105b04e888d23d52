"""Files appear whole, take each other's place, and wait for programs that have them open."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from xttslab import files
from xttslab.errors import UserError
from xttslab.files import (
    found_path,
    is_absolute,
    remove,
    replace,
    replacing,
    require_writable,
    stored_path,
    write_atomically,
)

BUSY = PermissionError(13, "The process cannot access the file", "x")


class Busy:
    """An operation on files that Windows refuses the first `times` times."""

    def __init__(self, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real, self.times, self.calls = getattr(os, name), times, 0
        monkeypatch.setattr(os, name, self)
        monkeypatch.setattr(files, "_PAUSE_S", 0.001)

    def __call__(self, *paths: object) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise BUSY
        self.real(*paths)


def test_a_file_is_written_with_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new/x.txt", "árvíztűrő\n")
    assert (tmp_path / "new/x.txt").read_bytes() == "árvíztűrő\n".encode()
    write_atomically(tmp_path / "new/x.txt", b"\x00\r\n", durable=True)
    assert (tmp_path / "new/x.txt").read_bytes() == b"\x00\r\n"
    assert os.listdir(tmp_path / "new") == ["x.txt"]


def test_a_file_that_is_open_elsewhere_for_a_moment_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text("old", encoding="utf-8")
    busy = Busy("replace", 3, monkeypatch)
    write_atomically(tmp_path / "x", "new")
    assert busy.calls == 4
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new"


def test_a_file_that_stays_open_is_given_up_in_one_line_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.PATIENCE_S == 5.0
    (tmp_path / "x").write_text("old", encoding="utf-8")
    busy = Busy("replace", 10**9, monkeypatch)
    monkeypatch.setattr(files, "PATIENCE_S", 0.02)
    with pytest.raises(UserError, match=r"x: cannot be written \(The process cannot access"):
        write_atomically(tmp_path / "x", "new")
    assert busy.calls > 2
    assert (tmp_path / "x").read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_removing_waits_too_and_takes_a_missing_file_for_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").touch()
    busy = Busy("unlink", 2, monkeypatch)
    remove(tmp_path / "x")
    assert busy.calls == 3
    assert os.listdir(tmp_path) == []
    remove(tmp_path / "x")


def test_other_faults_are_raised_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace(tmp_path / "missing", tmp_path / "x")


def test_what_failed_leaves_the_former_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(tmp_path / "x") as partial:
            partial.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "x").read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with replacing(tmp_path / "clips") as partial:
            partial.mkdir()
            (partial / f"{name}.wav").touch()
    assert os.listdir(tmp_path) == ["clips"]
    assert os.listdir(tmp_path / "clips") == ["second.wav"]


def test_the_rest_of_a_killed_process_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / ".clips.partial").mkdir()
    (tmp_path / ".clips.partial/stale.wav").touch()
    with replacing(tmp_path / "clips") as partial:
        write_atomically(partial / "new.wav", b"")
    assert os.listdir(tmp_path / "clips") == ["new.wav"]


def test_processes_that_share_a_file_write_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replacing(tmp_path / "x", shared=True) as ours:
        ours.write_text("ours", encoding="utf-8")
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with replacing(tmp_path / "x", shared=True) as theirs:
            theirs.write_text("theirs", encoding="utf-8")
        assert (tmp_path / "x").read_text(encoding="utf-8") == "theirs"
    assert (tmp_path / "x").read_text(encoding="utf-8") == "ours"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        with open("/dev/full", "wb", buffering=0) as device:
            return device.write(content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"No space left on device\); free some space"):
        write_atomically(tmp_path / "x.bin", b"content")
    assert os.listdir(tmp_path) == []


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, seen, done = tmp_path / "x", set(), threading.Event()
    write_atomically(path, b"0" * 100_000)

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for digit in b"0123456789" * 3:
        write_atomically(path, bytes([digit]) * 100_000)
    done.set()
    reader.join()
    assert all(len(content) == 100_000 and len(set(content)) == 1 for content in seen)


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


def test_a_drive_that_is_not_there_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)  # as of D: without a disk in it
    monkeypatch.setattr(Path, "is_dir", lambda path: False)
    with pytest.raises(UserError, match=r"voice: cannot be written, for .* is no folder that you"):
        require_writable(tmp_path / "voice")
