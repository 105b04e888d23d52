"""What lies in a source is read, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.manifest import Rejection
from xttslab.data.preparing.sources import find_items
from xttslab.errors import UserError


def place(folder: Path, **files: str) -> Path:
    """Files by name, `__` for a full stop; the recordings hold their name."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def found(source: Path) -> tuple[dict[str, str], list[Rejection]]:
    items, rejected = find_items(source, "x", "hu", "s")
    return {item.origin: item.clip.text for item in items}, rejected


def test_a_text_beside_a_recording_is_its_text(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__mp3="b", c__ogg="c", a__txt="Jó\neste\u0301t!", b__lab="Szia.")
    assert found(tmp_path) == ({"a.wav": "Jó estét!", "b.mp3": "Szia.", "c.ogg": ""}, [])
    assert found(tmp_path / "a.wav") == ({"a.wav": "Jó estét!"}, [])


def test_a_text_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", c__wav="c", c__lab="0 1500 sil\n1500 2100 j\n")
    place(tmp_path, a__txt="00:00:00,079 --> 00:00:01,850 [Speaker 0]\nJó estét!")
    (tmp_path / "b.txt").write_bytes("Jó estét!\n".encode() + b"Nos \x97\n")
    texts, rejected = found(tmp_path)
    assert texts == {"a.wav": "", "b.wav": "", "c.wav": ""}
    times = "a text with times beside a recording is not read; leave the words alone in it"
    unreadable = "the text beside a recording cannot be read"
    assert [(row.audio_file, row.reason) for row in rejected] == [
        ("a.txt", times),
        ("b.txt", unreadable),
        ("c.lab", times),
    ]
    assert "b.txt line 2: byte 0x97 is not UTF-8" in rejected[1].value


def test_texts_that_are_not_read_are_named_by_kind(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", a__srt="1", b__srt="1", README__txt="x")
    place(tmp_path, a__wav__txt="Jó", validated__tsv="path\tsentence\na.wav\tJó.\n")
    place(tmp_path, slicer__list="a.wav|s|HU|Jó estét!\nb.wav|s|HU|Jó napot!\n")
    place(tmp_path, metadata__jsonl='{"file_name": "a.wav"}')
    write = "write them into a metadata.csv with the header audio_file|text"
    call = "call it metadata.csv, in the folder of the source, and they are"
    assert found(tmp_path)[1] == [
        Rejection("a.srt", f"texts that are not read (.srt); {write}", "and 1 more"),
        Rejection("a.wav.txt", f"texts that are not read (.txt); {write}", ""),
        Rejection("metadata.jsonl", f"texts that are not read (.jsonl); {write}", ""),
        Rejection("slicer.list", f"texts that are not read (.list); {call}", ""),
        Rejection("validated.tsv", f"texts that are not read (.tsv); {call}", ""),
    ]
    assert [row.audio_file for row in found(tmp_path / "a.wav")[1]] == ["a.srt", "a.wav.txt"]


def test_beside_metadata_other_texts_columns_and_recordings_are_named(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", c__wav="c", a__txt="Jó", b__txt="Jó")
    place(tmp_path, metadata__csv="audio_file|text|duration|up_votes\na.wav|Jó.|1|2\n")
    place(tmp_path, metadata_train__csv="audio_file|text\nb.wav|Jó.\n")
    texts, rejected = found(tmp_path)
    assert texts == {"a.wav": "Jó."}
    unread = "texts that are not read, since metadata.csv is"
    assert rejected == [
        Rejection("metadata.csv", "has columns that are not read", "duration, up_votes"),
        Rejection("b.wav", "no usable row of the metadata names it", "and 1 more"),
        Rejection("a.txt", unread, "and 2 more"),
    ]


def test_metadata_of_a_folder_below_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    place(tmp_path / "one", a__wav="a", metadata__csv="audio_file|text\na.wav|Jó.\n")
    reason = "texts that are not read; give the folder that they lie in as source"
    assert found(tmp_path)[1] == [Rejection("one/metadata.csv", reason, "")]


def test_a_column_without_a_name_that_is_not_read_is_named(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", metadata__csv="a|Jó estét!|43\nb|Jó napot!|43\n")
    assert found(tmp_path) == (
        {"a.wav": "Jó estét!", "b.wav": "Jó napot!"},
        [Rejection("metadata.csv", "has columns that are not read", "column 3")],
    )


def test_the_tables_of_a_prepared_set_are_no_texts(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", metadata__csv="audio_file|text\na.wav|Jó.\n", review__csv="x")
    (tmp_path / ".prepare").mkdir()
    assert found(tmp_path) == ({"a.wav": "Jó."}, [])


def test_a_table_in_place_of_a_recording_is_said(tmp_path: Path) -> None:
    place(tmp_path, list__csv="a.wav|Jó.")
    with pytest.raises(UserError) as caught:
        find_items(tmp_path / "list.csv", "x", "hu", "s")
    assert str(caught.value) == (
        f"source {tmp_path / 'list.csv'}: is a table of texts, no recording; call it metadata.csv "
        "and give the folder that it lies in"
    )
