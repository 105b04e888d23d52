"""Tables and JSON files of lines are read as people write them, and every bad row is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.speaking.batch_file import LENGTH_PENALTY, BatchFile, merged, read_batch

CASES = Path(__file__).parents[3] / "shared" / "cases" / "speaking"


def read(folder: Path, content: str | dict | list, name: str = "b.csv") -> BatchFile:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return read_batch(folder / name)


def test_a_table_of_any_separator_with_a_header_of_usual_names(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    found = read(
        tmp_path,
        "Név;Szöveg;kategória;szünet;format;speed;seed;reference\n"
        '\nq1;"Jó; igen";greeting;0,5;mp3;1,1;9;\nq2;Nem;;250ms;;;;a.wav\n',
    )
    first, second = found.lines
    assert (first.id, first.text, first.category) == ("q1", "Jó; igen", "greeting")
    assert (first.pause_after, first.ending) == (0.5, ".mp3")
    assert first.changes == {"speed": 1.1, "seed": 9}
    assert (second.place, second.pause_after) == ("b.csv line 4", 0.25)
    assert second.recordings == (tmp_path / "a.wav",)
    assert found.faults == found.notes == []


def test_json_of_samples_and_segments_with_settings_for_all(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    config = {
        "output_format": "mp3",
        "language": "hu",
        "multi_reference": False,
        "references": ["a.wav", "b.wav"],
        "parameters": {"temperature": 0.4, "length_penalty": 1.25},
    }
    samples = [
        {"id": 7, "segments": [{"text": "Hol?", "pause_after": 0.5, "type": "q"}, "Ott."]},
        {"text": "Jó [pause 1s] reggelt!", "temperature": 0.9, "mood": "glad"},
    ]
    found = read(tmp_path, {"generation_config": config, "samples": samples}, "b.json")
    one, two = (merged(line, found.general) for line in found.lines)
    assert [part.pause for part in one.segments] == [0.5, None]
    assert (one.id, one.text, two.id, two.text) == ("7", "Hol? Ott.", "002", "Jó reggelt!")
    assert one.changes == {"temperature": 0.4}
    assert two.changes == {"temperature": 0.9}
    assert one.ending == ".mp3"
    assert one.recordings == (tmp_path / "a.wav",)
    assert found.notes[0] == LENGTH_PENALTY
    assert found.notes[1].startswith("unknown key 'mood' is not looked at (first in b.json sampl")


def test_lists_and_json_lines_are_read_too(tmp_path: Path) -> None:
    assert [line.id for line in read(tmp_path, ["Jó.", "Nem."]).lines] == ["001", "002"]
    lines = read(tmp_path, '{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n').lines
    assert [line.id for line in lines] == ["a", "b"]


def test_a_line_may_have_several_categories(tmp_path: Path) -> None:
    found = read(tmp_path, "text|category\nJó.|calm; loud\nNem.|calm,loud\n")
    rows = [{"text": "Jó.", "category": ["calm", "loud"]}, {"text": "Nem.", "category": [1]}]
    listed = read(tmp_path, rows, "b.json")
    assert [line.category for line in [*found.lines, *listed.lines]] == ["calm,loud"] * 3
    assert listed.faults == ["b.json sample 2: category is [1]; write one name, or a list of them"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "a/b", "text": "x"}, "sample 2 'a/b': id='a/b' cannot be the name of a file"),
        ({"id": "con", "text": "x"}, "try id=line_con"),
        ({"id": "ONE", "text": "x"}, "id 'ONE' is that of b.json sample 1 'one' too"),
        ({"id": "b", "text": " "}, "has no text to say"),
        ({"id": "b", "text": "x", "segments": ["y"]}, "has both text and segments"),
        ({"id": "b", "segments": "y"}, "segments is no list of texts"),
        ({"id": "b", "text": ["x"]}, "text is ['x'], which is no text"),
        ({"id": "b", "text": "x", "pause_after": -1}, "pause_after=-1: a pause lasts 0 to 60 s"),
        ({"id": "b", "text": "x", "pause_after": 999}, "pause_after=999: a pause lasts 0 to 60 s"),
        ({"id": "b", "text": "x", "pause_after": "long"}, "pause_after=long: is no length of a pa"),
        ({"id": "b", "text": "x", "pause_afer": 1}, "'pause_afer'; did you mean pause_after?"),
        ({"id": "b", "text": "x", "speed": 9}, "speed=9: give a number from 0.25 to 4"),
        ({"id": "b", "text": "x", "seed": 1.5}, "seed=1.5: give a whole number from 0 to"),
        ({"id": "b", "text": "x", "format": "aac"}, "format.aac: name a recording that ends in"),
        ({"id": "b", "text": "<sub>x</sub>"}, "SSML: <sub> needs alias="),
        ({"id": "b", "text": "<s>x"}, "SSML is not well-formed (mismatched tag, line 1"),
        ({"id": "b", "text": "x", "references": [3]}, "references is [3]; write a recording's"),
        (5, "b.json sample 2: is no object of id and text"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(
    tmp_path: Path, row: object, message: str
) -> None:
    found = read(tmp_path, [{"id": "one", "text": "x"}, row, {"id": "c", "text": "y"}], "b.json")
    (fault,) = found.faults
    assert fault.startswith("b.json sample 2")
    assert message in fault
    assert "\n" not in fault
    assert [line.id for line in found.lines] == ["one", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "b.csv: the file is empty; it needs rows"),
        ("q1|Jó\n", "the first line 'q1|Jó' is no header with a column text"),
        ("id|text\n", "b.csv: has no lines to speak"),
        ('{"samples": [', r"b.csv: its JSON is cut off at line 1, character 14"),
        ('{"a": 1}', "b.csv: holds no list named samples or lines"),
        ("[" * 100_000, "b.csv: is nested too deep"),
        (
            {"generation_config": {"speed": "x"}, "samples": ["a"]},
            "generation_config: speed=x: give a number",
        ),
    ],
)
def test_a_file_that_is_no_batch_is_refused(
    tmp_path: Path, content: str | dict, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


def test_a_row_with_more_cells_than_the_header_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, "id|text\na|b|c\nd|e\n")
    assert found.faults == [
        "b.csv line 2: more cells than the header has; put a text with '|' into quotes"
    ]


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_the_files_that_people_wrote() -> None:
    table, samples = read_batch(CASES / "batch.csv"), read_batch(CASES / "batch.json")
    assert [(line.id, line.pause_after) for line in table.lines] == [("q1", 0.5), ("q2", 0.0)]
    assert [len(line.segments) for line in samples.lines] == [1, 5]
    assert len(samples.general.recordings) == 2
    assert samples.notes == [LENGTH_PENALTY]


def test_a_quotation_mark_that_is_never_closed_is_told(tmp_path: Path) -> None:
    wanted = 'b.csv line 3: its quotation mark " is never closed; close it, or take it out'
    for rest in ("", "\nc|Nem.", '\nc|Nem 5" lemez'):
        found = read(tmp_path, f'id|text\na|Jó "nap"\nb|"Igen{rest}\n')
        assert [line.id for line in found.lines] == ["a"]
        assert found.faults == [wanted]
    inches = read(tmp_path, 'id|text\na|"Igen,\nnem."\nb|Nem 5" lemez')
    assert [line.text for line in inches.lines] == ["Igen, nem.", 'Nem 5" lemez']
