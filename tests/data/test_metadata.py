"""Metadata files of every spreadsheet and tool are read to the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.metadata import read_rows
from xttslab.errors import UserError

TEXT = 'Jó estét, "Őri" úr!'
HEADER = "audio_file|text|speaker_name"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cells(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path).rows
    assert not any(row.fault for row in rows)
    return [row.values for row in rows]


QUOTE = "put a text that holds '|' into double quotes"


def faults(path: Path) -> list[tuple[str, str]]:
    return [(row.place, row.fault) for row in read_rows(path).rows if row.fault]


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
    path = write(
        tmp_path / "metadata.csv",
        b"LJ1|Number 5 is up.|Number five is up.\nLJ2|Plain.\nLJ3|It is.|It is.\n",
    )
    rows = read_rows(path).rows
    assert [row.place for row in rows] == ["line 1", "line 2", "line 3"]
    assert [row.values["text"] for row in rows] == ["Number five is up.", "Plain.", "It is."]
    assert rows[0].values["audio_file"] == "LJ1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; it needs a header audio_file|text|speaker_name"),
        ("audio_file|mondandó\n", "column text is missing; the header is audio_file|mondandó"),
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


@pytest.mark.parametrize(
    ("header", "ours"),
    [
        ("basename|characters|speaker|language", "audio_file text speaker_name language"),
        ("file_name,transcription", "audio_file text"),
        ("client_id\tpath\tsentence\tlocale", "speaker_name audio_file text language"),
        ("audio_file|text|speaker_name|emotion_name", "audio_file text speaker_name category"),
        ("Fájlnév;Szöveg;Beszélő;Érzelem", "audio_file text speaker_name category"),
        ("id|path|text|duration", "id audio_file text duration"),
        ("Audio File|Text|Speaker Name", "audio_file text speaker_name"),
        ("audio_file|raw_text|text", "audio_file raw_text text"),
    ],
)
def test_usual_header_names_are_known(tmp_path: Path, header: str, ours: str) -> None:
    separator = next(s for s in "|;\t," if s in header)
    names = ours.split()
    row = separator.join(names)
    table = read_rows(write(tmp_path / "m.csv", f"{header}\n{row}\n".encode()))
    assert table.rows[0].values == {name: name for name in names}
    known = ("audio_file", "text", "speaker_name", "category", "language")
    assert table.others == tuple(name for name in names if name not in known)


def test_a_row_of_another_width_is_a_fault_and_never_a_cut_text(tmp_path: Path) -> None:
    lines = [
        f"{HEADER}|category",
        "a.wav|Jó estét | kívánok!|s|neutral",
        "b.wav|Jó.|s|neutral",
        "c.wav|Jó.|s",
        "d.wav|Jó.|s||||",
        "||||",
        'e.wav|"Jó | estét!"|s|neutral',
    ]
    path = write(tmp_path / "m.csv", "\n".join(lines).encode())
    columns = "(audio_file|text|speaker_name|category)"
    assert faults(path) == [
        (
            "line 2",
            f"5 cells in place of 4 {columns}; put a text that holds '|' into double quotes",
        ),
        ("line 4", f"3 cells in place of 4 {columns}; write the empty ones, too"),
    ]
    rows = read_rows(path).rows
    assert rows[0].value == "a.wav|Jó estét | kívánok!|s|neutral"
    assert [row.values["text"] for row in rows if not row.fault] == ["Jó.", "Jó.", "Jó | estét!"]


@pytest.mark.parametrize(
    ("header", "line", "text"),
    [
        ("audio_file|text\n", "a.wav|Jó estét | kívánok!", "Jó estét | kívánok!"),
        ("", "a.wav|Jó estét | kívánok!", "Jó estét | kívánok!"),
        ("audio_file,text\n", "a.wav,Jó estét, kívánok!", "Jó estét, kívánok!"),
        ("text;audio_file\n", "Jó estét; kívánok!;a.wav", "Jó estét; kívánok!"),
    ],
)
def test_of_two_columns_the_rest_is_text(tmp_path: Path, header: str, line: str, text: str) -> None:
    others = "" if header else "b.wav|Egy.\nc.wav|Kettő.\n"
    path = write(tmp_path / "m.csv", f"{header}{others}{line}\n".encode())
    assert cells(path)[-1] == {"audio_file": "a.wav", "text": text}


def test_a_quoted_cell_may_hold_line_breaks(tmp_path: Path) -> None:
    lines = [
        HEADER,
        'a.wav|"Első sor',
        'második | ""idézett"" sor"|s',
        "b.wav|Jó.|s",
        'c.wav|"Egy',
        "",
        'három."|s',
    ]
    path = write(tmp_path / "m.csv", "\r\n".join(lines).encode())
    assert [row["text"] for row in cells(path)] == [
        'Első sor\nmásodik | "idézett" sor',
        "Jó.",
        "Egy\n\nhárom.",
    ]
    assert [row.place for row in read_rows(path).rows] == ["line 2", "line 4", "line 5"]


def test_a_quote_that_is_the_texts_own_joins_no_rows(tmp_path: Path) -> None:
    lines = [
        HEADER,
        'a.wav|"Igen, mondta|s',
        'b.wav|mondta: igen"|s',
        'c.wav|"Nem|s',
        "d.wav|Jó.|s",
    ]
    path = write(tmp_path / "m.csv", "\n".join(lines).encode())
    assert [row["text"] for row in cells(path)] == ['"Igen, mondta', 'mondta: igen"', '"Nem', "Jó."]


def test_one_bad_byte_is_the_fault_of_its_own_row(tmp_path: Path) -> None:
    good = [f"u{n}.ogg|Hihetetlen, tízmillió forint!" for n in range(5)]
    content = "\n".join([*good, ""]).encode() + b"u6.ogg|Igen \x97 nem.\n"
    table = read_rows(write(tmp_path / "m.csv", content))
    assert [row.values["text"] for row in table.rows[:5]] == ["Hihetetlen, tízmillió forint!"] * 5
    last = table.rows[5]
    assert (last.place, last.value) == ("line 6", "u6.ogg|Igen — nem.")
    assert last.fault == "byte 0x97 is not UTF-8, as the rest is; save the file as UTF-8"


def test_a_file_that_powershell_wrote_is_read(tmp_path: Path) -> None:
    content = f"{HEADER}\r\na.wav|Őszi szél.|s\r\n".encode("utf-16-le")
    assert cells(write(tmp_path / "m.csv", content))[0]["text"] == "Őszi szél."


def test_columns_that_are_unclear_are_one_line_with_a_header_to_paste(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", b"u1|x1|y1\nu2|x2|y2\nu3|x3|y3\n")
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value) == (
        f"{path}: the first line 'u1|x1|y1' is no header, and none of its columns is clearly the "
        "text; write as first line what the columns hold, such as audio_file|text|unused_3"
    )
