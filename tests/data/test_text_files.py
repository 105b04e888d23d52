"""Text files of every editor are read; a byte that cannot be read costs its own line only."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.text_files import TextLine, read_lines, read_text
from xttslab.errors import UserError

TEXT = "Őrült jó estét!\nNos, „így” van…\n\nÉs: űrhajó.\n"
UNMARKED = ("utf-8", "utf-16-le", "utf-16-be", "cp1250")
MARKED = ("utf-8-sig", "utf-16", "utf-32")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", [*UNMARKED, *MARKED])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_ending_gives_the_same_text(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    path = written(tmp_path / "a.txt", TEXT.replace("\n", newline).encode(encoding))
    assert read_text(path) == TEXT
    assert [line.number for line in read_lines(path)] == [1, 2, 3, 4, 5]


def test_one_bad_byte_costs_its_own_line(tmp_path: Path) -> None:
    content = "Hihetetlen, tízmillió!\n".encode() + b"Igen \x97 nem.\n" + "Őri\n".encode()
    path = written(tmp_path / "a.txt", content)
    first, bad, last, _ = read_lines(path)
    assert (first, last) == (TextLine(1, "Hihetetlen, tízmillió!"), TextLine(3, "Őri"))
    fault = "byte 0x97 is not UTF-8, as the rest is; save the file as UTF-8"
    assert bad == TextLine(2, "Igen — nem.", fault)
    with pytest.raises(UserError) as caught:
        read_text(path)
    assert str(caught.value) == f"{path} line 2: {fault}"


def test_a_line_of_utf8_in_a_file_of_cp1250_keeps_its_letters(tmp_path: Path) -> None:
    lines = ["Első sor ősszel".encode("cp1250"), "Űr és ő".encode(), "Jó…".encode("cp1250")]
    lines += [b"J\xd3\x85", b"\x81"]  # 0xd3 0x85 is UTF-8, too, for a Cyrillic letter
    found = read_lines(written(tmp_path / "a.txt", b"\n".join(lines)))
    assert [line.text for line in found[:4]] == ["Első sor ősszel", "Űr és ő", "Jó…", "JÓ…"]
    assert not any(line.fault for line in found[:4])
    assert found[4].fault == (
        "holds a byte that is neither UTF-8 nor cp1250; save the file as UTF-8"
    )


def test_a_torn_utf16_file_loses_its_last_line_only(tmp_path: Path) -> None:
    content = "Jó estét!\nSzép napot!".encode("utf-16")[:-1]
    first, last = read_lines(written(tmp_path / "a.txt", content))
    assert first == TextLine(1, "Jó estét!")
    assert last.fault == "holds bytes that are not UTF-16, as the rest is; save the file as UTF-8"


def test_a_mark_within_a_file_is_no_letter(tmp_path: Path) -> None:
    content = "Jó.\n".encode("utf-8-sig") + "Szép.".encode("utf-8-sig")
    assert read_text(written(tmp_path / "a.txt", content)) == "Jó.\nSzép."


def test_an_empty_file_has_one_empty_line(tmp_path: Path) -> None:
    assert read_lines(written(tmp_path / "a.txt", b"")) == [TextLine(1, "")]


def test_what_is_no_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_lines(tmp_path)
