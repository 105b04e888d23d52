"""The suite notices what Windows forbids to do to files."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import strict_files
from xttslab import files
from xttslab.files import remove, replace, replacing, write_atomically

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux' /proc")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE_S", 0.0)


def refused() -> list[str]:
    """What was refused, by the last parts of the paths."""
    return [line.replace(line.split()[2].rstrip(","), "x", 1) for line in strict_files.taken()]


OPEN = "which is open or mapped in this process"


def test_an_open_file_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old", encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        with pytest.raises(PermissionError, match="The process cannot access the file"):
            with replacing(path) as partial:
                partial.write_text("new", encoding="utf-8")
        with pytest.raises(PermissionError):
            remove(path)
        with pytest.raises(PermissionError):
            replace(path, tmp_path / "y")
        assert file.read() == "old"
    assert refused() == [f"replace of x, {OPEN}", f"unlink of x, {OPEN}"]
    assert os.listdir(tmp_path) == ["x"]


def test_nor_is_a_mapped_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"mapped")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with pytest.raises(PermissionError):
        replace(path, tmp_path / "y")
    data.close()
    assert refused() == [f"replace of x, {OPEN}"]
    replace(path, tmp_path / "y")
    assert refused() == []


def test_nor_is_a_folder_with_an_open_file(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with (tmp_path / "clips/x").open("w", encoding="utf-8"):
        with pytest.raises(PermissionError):
            replace(tmp_path / "clips", tmp_path / "moved")
    assert refused() == [f"replace of x, {OPEN}"]


def test_a_folder_takes_no_place_that_is_taken(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError):
        replace(tmp_path / "first", tmp_path / "second")
    assert refused() == ["replace of x, which is there already"]


def test_a_file_let_go_of_in_time_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PATIENCE_S", 5.0)
    write_atomically(tmp_path / "x", "old")
    file = (tmp_path / "x").open(encoding="utf-8")
    letting_go = threading.Timer(0.1, file.close)
    letting_go.start()
    write_atomically(tmp_path / "x", "new")
    letting_go.join()
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new"
    assert refused() == []


def test_a_handle_opened_for_reading_is_not_flushed(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with (tmp_path / "x").open("rb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        os.fsync(file.fileno())
    assert refused() == ["fsync of x, which was opened for reading"]
    with (tmp_path / "x").open("r+b") as file:
        os.fsync(file)
    assert refused() == []


def test_what_runs_at_the_end_of_the_process_is_let_through(tmp_path: Path) -> None:
    """`atexit` calls from no frame at all."""
    (tmp_path / "x").mkdir()
    code = "import atexit, shutil, sys; from tests import strict_files; strict_files.install(); "
    code += "atexit.register(shutil.rmtree, sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "x"], capture_output=True)
    assert done.stderr == b""
    assert not (tmp_path / "x").exists()


def test_a_look_at_a_file_that_another_opens_ends_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    path, real = tmp_path / "x", fcntl.fcntl
    path.write_bytes(b"0")
    other = threading.Thread(target=path.read_bytes)

    def call(number: int, command: int, *value: int) -> int:
        result = real(number, command, *value)
        if value == (fcntl.F_WRLCK,):
            other.start()  # its open waits for the lease, and the kernel sends the holder a signal
            time.sleep(0.05)
        return result

    monkeypatch.setattr(fcntl, "fcntl", call)
    assert strict_files._is_closed(str(path))
    other.join()
