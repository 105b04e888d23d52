import errno
import logging
import os

import pytest

from xttslab.errors import UserError
from xttslab.tracking import journal as module
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.records import Tags


def tag(number: int) -> Tags:
    return Tags({"n": str(number)})


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "run")
    made.create()
    return made


def held(journal: Journal, start: int = 0) -> list[str]:
    return [record.values["n"] for record, _ in Journal(journal.run_dir).read(start)]


def test_records_come_out_in_order_from_any_offset(journal):
    for number in range(5):
        journal.append(tag(number))
    offsets = [offset for _, offset in journal.read()]
    assert held(journal) == ["0", "1", "2", "3", "4"]
    assert offsets[-1] == journal.path.stat().st_size
    assert held(journal, offsets[2]) == ["3", "4"]
    assert journal.pending(offsets[2]) == 2


@pytest.mark.parametrize("kept", [1, 5, 12])
def test_torn_last_line_is_left_out_and_cut_off_by_the_next(journal, kept):
    journal.append(tag(0))
    journal.append(tag(1))
    whole = journal.path.read_bytes()
    first = whole.index(b"\n") + 1
    journal.path.write_bytes(whole[: first + kept])
    assert held(journal) == ["0"]
    journal.append(tag(2))
    assert held(journal) == ["0", "2"]


def test_torn_only_line(journal):
    journal.path.write_bytes(b'{"kind": "Ta')
    journal.append(tag(1))
    assert held(journal) == ["1"]


def test_line_damaged_in_the_middle_is_said_and_left_out(journal, caplog):
    for number in range(3):
        journal.append(tag(number))
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + b"\x00" * (len(lines[1]) - 1) + b"\n" + lines[2])
    assert held(journal) == ["0", "2"]
    assert "a damaged record is left out" in caplog.text


def test_full_disk_keeps_records_until_there_is_room(journal, monkeypatch, caplog):
    journal.append(tag(0))
    size = journal.path.stat().st_size
    real = os.fsync

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with caplog.at_level(logging.WARNING):
        journal.append(tag(1))
        journal.append(tag(2))
    assert journal.path.stat().st_size == size  # nothing half-written stays behind
    assert caplog.text.count("No space left on device") == 1
    assert not journal.flush()
    assert journal.pending(size) == 2
    monkeypatch.setattr(module.os, "fsync", real)
    journal.append(tag(3))
    assert held(journal) == ["0", "1", "2", "3"]


def test_two_writers_lose_nothing(journal):
    other = Journal(journal.run_dir)
    for number in range(10):
        (journal if number % 2 else other).append(tag(number))
    assert held(journal) == [str(number) for number in range(10)]


def test_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "outputs").write_text("a file")
    with pytest.raises(UserError, match=r"outputs/run: cannot be written \(Not a directory\)"):
        Journal(tmp_path / "outputs" / "run").create()


def test_destination_is_kept_and_a_damaged_note_is_no_destination(journal):
    assert journal.destination() is None
    there = Destination("http://host:5000", "a" * 32, 17)
    journal.set_destination(there)
    assert Journal(journal.run_dir).destination() == there
    (journal.folder / "destination.json").write_text('{"uri": "http')
    assert journal.destination() is None
