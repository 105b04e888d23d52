"""Metadata files of every spreadsheet and tool are read to the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.metadata import decode_text, read_rows
from xttslab.errors import UserError

TEXT = 'Jó estét, "Őri" úr!'
HEADER = "audio_file|text|speaker_name"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cells(path: Path) -> list[dict[str, str]]:
    return [row.values for row in read_rows(path)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1250"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_reads_every_encoding_and_line_ending(tmp_path: Path, encoding: str, newline: str) -> None:
    content = newline.join((HEADER, f"a.wav|{TEXT}|Őri", ""))
    rows = cells(write(tmp_path / "metadata.csv", content.encode(encoding)))
    assert rows == [{"audio_file": "a.wav", "text": TEXT, "speaker_name": "Őri"}]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('a.wav|"Egy | kettő"|s', "Egy | kettő"),
        ('a.wav|"Azt mondta: ""igen"""|s', 'Azt mondta: "igen"'),
        ('a.wav|"Igen", mondta.|s', '"Igen", mondta.'),
        ("a.wav| szóközök |s", "szóközök"),
    ],
)
def test_reads_quotes_as_a_person_means_them(tmp_path: Path, line: str, text: str) -> None:
    path = write(tmp_path / "metadata.csv", f"{HEADER}\n{line}\n".encode())
    assert cells(path)[0]["text"] == text


@pytest.mark.parametrize("separator", list("|;\t,"))
def test_finds_the_separator_in_the_header(tmp_path: Path, separator: str) -> None:
    lines = f"audio_file{separator}text\na.wav{separator}Szia.\n"
    assert cells(write(tmp_path / "m.csv", lines.encode())) == [
        {"audio_file": "a.wav", "text": "Szia."}
    ]


def test_a_line_separator_within_a_text_does_not_end_the_row(tmp_path: Path) -> None:
    path = write(tmp_path / "metadata.csv", f"{HEADER}\na.wav|egy\u2028kettő|s\n".encode())
    assert cells(path)[0]["text"] == "egy\u2028kettő"


def test_ljspeech_prefers_the_normalised_text(tmp_path: Path) -> None:
    path = write(tmp_path / "metadata.csv", b"LJ1|No. 5|number five\nLJ2|plain\n")
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [1, 2]
    assert [row.values["text"] for row in rows] == ["number five", "plain"]
    assert rows[0].values["audio_file"] == "LJ1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; it needs a header audio_file|text|speaker_name"),
        ("audio_file|szöveg\n", "column text is missing; the header is audio_file|szöveg"),
        ("text|speaker_name\n", "column audio_file is missing"),
        ("egy mondat oszlopok nélkül\n", "has no column separator; write a header audio_file"),
    ],
)
def test_a_file_without_columns_is_one_clear_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = write(tmp_path / "metadata.csv", content.encode())
    with pytest.raises(UserError) as caught:
        list(read_rows(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_in_place_of_the_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        decode_text(tmp_path)
