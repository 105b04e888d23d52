from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.json_rows import NotAList
from xttslab.data.metadata import read_rows
from xttslab.errors import UserError


def texts(folder: Path, content: str, name: str = "metadata.json") -> dict[str, str]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return {row.values["audio_file"]: row.values["text"] for row in read_rows(path).rows}


@pytest.mark.parametrize(
    "content",
    [
        '[{"filename": "a.wav", "text": "Jó."}, {"filename": "b.wav", "text": "Nem."}]',
        '{"clips": [{"path": "a.wav", "sentence": "Jó."}, {"path": "b.wav", "sentence": "Nem."}]}',
        '{"a.wav": "Jó.", "b.wav": "Nem."}',
        '{"a.wav": {"transcription": "Jó."}, "b.wav": {"transcription": "Nem."}}',
        '[{"audio": {"path": "a.wav"}, "text": "Jó."}, {"audio": "b.wav", "text": "Nem."}]',
        '{"audio_filepath": "a.wav", "text": "Jó."}\n\n{"audio_filepath": "b.wav", "text": "Nem."}',
    ],
)
def test_reads_lists_of_every_shape(tmp_path: Path, content: str) -> None:
    assert texts(tmp_path, content) == {"a.wav": "Jó.", "b.wav": "Nem."}


def test_a_bad_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_text('{"file_name": "a.wav", "text": "Jó."}\n{"file_name": "b.w\n[1]\n', "utf-8")
    first, *bad = read_rows(path).rows
    assert (first.place, first.values["text"]) == ("line 1", "Jó.")
    assert [(row.place, row.fault, row.value) for row in bad] == [
        ("line 2", "the line is no JSON object", '{"file_name": "b.w'),
        ("line 3", "the line is no JSON object", "[1]"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[\n{"filename": "a.wav", "text": "J',
            "its JSON is cut off at line 2, character 31; copy or export the file again",
        ),
        (
            '[{"filename": "a.wav",, "text": ""}]',
            "is no JSON at line 1, character 23 (",
        ),
        (
            "[" * 5_000_000,
            "its JSON is nested too deeply for a list of clips; a list of clips is "
            '[{"audio": "a.wav", "text": "…"}, …]',
        ),
    ],
    ids=["cut off", "faulty", "deep"],
)
def test_json_that_is_not_whole_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        texts(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'metadata.json'}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        '{"title": "x", "size": 3}',
        '{"segments": [{"start": 0.1, "end": 2.0, "text": "Jó."}]}',
        '[{"start": 0.1, "end": 2.0, "text": "Jó.", "speaker": "A"}]',
        "[[1, 2], [3, 4]]",
        "3",
        "{}",
    ],
)
def test_other_json_is_no_list_of_clips(tmp_path: Path, content: str) -> None:
    with pytest.raises(NotAList, match=r"metadata\.json: lists no clips"):
        texts(tmp_path, content)
