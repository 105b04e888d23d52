from __future__ import annotations

import csv
import errno
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from xttslab.data.datasheet import read_sheet
from xttslab.data.manifest import EVAL, Clip, Rejection, read_folder
from xttslab.data.preparing import sources as demo
from xttslab.data.preparing.sources import find_items
from xttslab.errors import UserError
from xttslab.text.hungarian import spell_out_checked

QUIZ = {
    "confirmation": 2,
    "excitement": 7,
    "greeting": 6,
    "neutral": 23,
    "question": 21,
    "tension": 10,
    "transition": 11,
}
SPOKEN_AS_SAMPLES = {"Nagyszerű teljesítmény!", "Ez egy nagyon nehéz kérdés."}


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    return {name: demo.lay_out(name, folder / name) for name in demo.demo_names()}


@pytest.fixture(scope="module")
def clips(laid_out: dict[str, Path]) -> dict[str, list[Clip]]:
    sets = {}
    for name, folder in laid_out.items():
        sets[name], rejected = read_folder(folder)
        assert rejected == []
    return sets


def test_both_sets_are_packaged() -> None:
    assert demo.demo_names() == ["demo_blikk", "demo_milliomos"]


def test_the_quiz_show_has_the_categories_of_the_real_set(clips: dict[str, list[Clip]]) -> None:
    assert Counter(clip.category for clip in clips["demo_milliomos"]) == QUIZ


def test_the_interviews_are_many_and_short(clips: dict[str, list[Clip]]) -> None:
    seconds = {
        name: np.mean([sf.info(clip.audio).duration for clip in some])
        for name, some in clips.items()
    }
    assert len(clips["demo_blikk"]) == 231
    assert 3.0 <= seconds["demo_milliomos"] <= 4.5
    assert 0.5 <= seconds["demo_blikk"] / seconds["demo_milliomos"] <= 0.7


def test_clips_are_22050_hz_16_bit_mono_and_audible(clips: dict[str, list[Clip]]) -> None:
    for clip in clips["demo_milliomos"] + clips["demo_blikk"]:
        info = sf.info(clip.audio)
        assert (info.samplerate, info.subtype, info.channels) == (22_050, "PCM_16", 1)
        samples, _ = sf.read(clip.audio)
        assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.2
        assert np.abs(samples).max() < 1.0


def test_a_tenth_is_held_out_and_every_category_of_three(clips: dict[str, list[Clip]]) -> None:
    quiz = Counter(clip.category for clip in clips["demo_milliomos"] if clip.split == EVAL)
    assert quiz == {
        "excitement": 1,
        "greeting": 1,
        "neutral": 2,
        "question": 2,
        "tension": 1,
        "transition": 1,
    }
    assert 22 <= sum(clip.split == EVAL for clip in clips["demo_blikk"]) <= 24


def test_texts_are_spoken_words_and_never_the_samples(clips: dict[str, list[Clip]]) -> None:
    texts = [clip.text for some in clips.values() for clip in some]
    assert len(set(texts)) == len(texts)
    assert SPOKEN_AS_SAMPLES.isdisjoint(texts)
    assert [spell_out_checked(text) for text in texts] == texts


def test_the_speaker_is_recorded_as_synthetic(laid_out: dict[str, Path]) -> None:
    for name, folder in laid_out.items():
        sheet = read_sheet(folder)
        assert (sheet.name, sheet.licence) == (name, "Apache-2.0")
        assert sheet.speakers[0].synthetic
        assert sheet.warning() is None


def test_laying_out_twice_changes_nothing(laid_out: dict[str, Path]) -> None:
    folder = laid_out["demo_milliomos"]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    before = [path.read_bytes() for path in files]
    assert demo.lay_out("demo_milliomos", folder) == folder
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == files
    assert [path.read_bytes() for path in files] == before


def test_the_package_stays_small() -> None:
    files = [path for path in demo.ASSETS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 8_000_000


def test_metadata_has_the_names_of_coqui() -> None:
    with (demo.ASSETS / "demo_blikk" / "metadata.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file, delimiter="|")) == [
            "audio_file",
            "text",
            "speaker_name",
            "category",
        ]


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    message = "demo_x: no such demo set; the package holds demo_blikk, demo_milliomos"
    with pytest.raises(UserError, match=message):
        demo.lay_out("demo_x", tmp_path)
    assert list(tmp_path.iterdir()) == []


def place(folder: Path, **files: str) -> Path:
    """Files by name, `__` for a full stop; the recordings hold their name."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def found(source: Path) -> tuple[dict[str, str], list[Rejection]]:
    found = find_items(source, "x", "hu", "s")
    return {item.origin: item.clip.text for item in found.items}, found.rejected


def test_a_text_beside_a_recording_is_its_text(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__mp3="b", c__ogg="c", a__txt="Jó\neste\u0301t!", b__lab="Szia.")
    assert found(tmp_path) == ({"a.wav": "Jó estét!", "b.mp3": "Szia.", "c.ogg": ""}, [])
    assert found(tmp_path / "a.wav") == ({"a.wav": "Jó estét!"}, [])


def test_a_text_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", c__wav="c", c__lab="0 1500 sil\n1500 2100 j\n")
    place(tmp_path, a__txt="00:00:00,079 --> 00:00:01,850 [Speaker 0]\nJó estét!")
    (tmp_path / "b.txt").write_bytes("Jó estét!\n".encode() + b"Nos \x97\n")
    texts, rejected = found(tmp_path)
    assert texts == {"a.wav": "Jó estét!", "b.wav": "", "c.wav": ""}
    phones = "labels of phones beside a recording are not read; leave the words alone in it"
    unreadable = "the text beside a recording cannot be read"
    assert [(row.audio_file, row.reason) for row in rejected] == [
        ("b.txt", unreadable),
        ("c.lab", phones),
    ]
    assert "b.txt line 2: byte 0x97 is not UTF-8" in rejected[0].value


def test_texts_that_are_not_read_are_named_by_kind(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", a__srt="1", c__srt="1", README__txt="x")
    place(tmp_path, c__wav__txt="Jó", meta__csv="audio_file|words\na.wav|Jó.\n")
    place(tmp_path, notes__json='{"title": "x"}', other__tsv="path\tsentence\nz.wav\tJó.\n")
    write = "write them into a metadata.csv with the header audio_file|text"
    empty = "a.srt: holds no words with times; export it with times, in seconds"
    clips = 'lists no clips; a list of clips is [{"audio": "a.wav", "text": "…"}, …]'
    missing = "column text is missing; the header is audio_file|words"
    assert found(tmp_path)[1] == [
        Rejection("a.srt", "the text beside a recording cannot be read", empty),
        Rejection("c.srt", f"texts that are not read (.srt); {write}", ""),
        Rejection("c.wav.txt", f"texts that are not read (.txt); {write}", ""),
        Rejection("meta.csv", f"texts that are not read (.csv): {missing}", ""),
        Rejection("notes.json", f"texts that are not read (.json): {clips}", ""),
        Rejection("other.tsv", f"texts that are not read (.tsv); {write}", ""),
    ]
    assert [row.audio_file for row in found(tmp_path / "a.wav")[1]] == ["a.srt"]


def test_files_that_are_gone_or_kept_secret_stop_no_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder such as /proc parts vanish while they are listed."""
    place(tmp_path, z__dat="x")
    (tmp_path / "gone").mkdir()
    scan = os.scandir

    def vanishing(path: str) -> Any:
        if Path(path).name == "gone":
            raise OSError(errno.EINVAL, "Invalid argument", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    with pytest.raises(UserError, match=r"none; it holds 1 other files, such as z\.dat"):
        found(tmp_path)


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


def test_metadata_of_a_folder_below_is_read(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    place(tmp_path / "one", a__wav="a", metadata__csv="audio_file|text\na.wav|Jó.\n")
    assert found(tmp_path) == ({"one/a.wav": "Jó."}, [])


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
