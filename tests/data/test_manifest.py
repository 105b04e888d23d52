"""Every row becomes a clip or a rejection with its reason; the split is frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xttslab.data.audio import write_audio
from xttslab.data.manifest import (
    Clip,
    Rejection,
    assign_split,
    find_metadata,
    read_folder,
    slug,
    write_metadata,
)
from xttslab.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three readable clips: a.wav, wavs/b.wav, wavs/c.wav; no metadata yet."""
    for name in ("a.wav", "wavs/b.wav", "wavs/c.wav"):
        write_audio(tmp_path / name, np.zeros(22_050, np.float32))
    return tmp_path


def metadata(folder: Path, *lines: str, name: str = "metadata.csv") -> None:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_reads_the_designs_columns(folder: Path) -> None:
    metadata(
        folder,
        "audio_file|text|speaker_name|category|language|split",
        "a.wav|Jó  estét!|vago|greeting|hu|eval",
        "wavs/b.wav|Kérem.|vago|||",
    )
    clips, rejected = read_folder(folder, source="milliomos")
    assert rejected == []
    assert clips[0] == Clip(
        audio=folder / "a.wav", text="Jó estét!", speaker="vago", category="greeting",
        category_assumed=False, language="hu", split="eval", source="milliomos",
    )  # fmt: skip
    assert clips[1].category == "neutral"
    assert clips[1].category_assumed
    assert clips[1].id == "milliomos/b"


def test_reads_ljspeech_and_coqui_layouts(folder: Path) -> None:
    metadata(folder, "b|Nyers 1.|Nyers egy.", "c|Szöveg.")
    clips, _ = read_folder(folder)
    assert [(clip.audio.name, clip.text) for clip in clips] == [
        ("b.wav", "Nyers egy."),
        ("c.wav", "Szöveg."),
    ]
    (folder / "metadata.csv").unlink()
    header = "audio_file|text|speaker_name"
    metadata(folder, header, "wavs/b.wav|Egy.|s", name="metadata_train.csv")
    metadata(folder, header, "wavs/c.wav|Kettő.|s", name="metadata_eval.csv")
    clips, _ = read_folder(folder)
    assert [(clip.audio.stem, clip.split) for clip in clips] == [("b", "train"), ("c", "eval")]


@pytest.mark.parametrize(
    ("row", "rejection"),
    [
        ("|Szöveg.|s", Rejection("line 2", "the row names no audio file", "")),
        ("../../etc/x.wav|Szöveg.|s", "line 2: the path leaves the folder"),
        ("/etc/passwd|Szöveg.|s", "line 2: the path leaves the folder"),
        ("nincs.wav|Szöveg.|s", "line 2: no such audio file"),
        (f"{'x' * 300}.wav|Szöveg.|s", "line 2: no such audio file"),
        ("a\x00.wav|Szöveg.|s", "line 2: no such audio file"),
        ("a.wav|   |s", Rejection("a.wav", "line 2: the text is empty", "")),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(
    folder: Path, row: str, rejection: Rejection | str
) -> None:
    metadata(folder, "audio_file|text|speaker_name", row, "wavs/b.wav|Jó.|s")
    clips, rejected = read_folder(folder)
    assert [clip.audio.stem for clip in clips] == ["b"]
    assert len(rejected) == 1
    if isinstance(rejection, Rejection):
        assert rejected[0] == rejection
    else:
        assert rejected[0].reason == rejection


def test_audio_is_found_however_it_is_named(folder: Path) -> None:
    (folder / "wavs" / "ű.OGG").write_bytes(b"")
    metadata(
        folder,
        "audio_file|text",
        "C:\\Users\\Me\\set\\wavs\\b.wav|Egy.",
        "/home/me/set/wavs/c.wav|Ketto\u030b.",
        "wavs\\u\u030b|Három.",
    )
    clips, rejected = read_folder(folder)
    assert rejected == []
    found = [(clip.audio.name, clip.text) for clip in clips]
    assert found == [("b.wav", "Egy."), ("c.wav", "Kettő."), ("ű.OGG", "Három.")]


def test_a_language_is_normalised_or_its_row_rejected(folder: Path) -> None:
    rows = ["a.wav|Jó.|HU", "wavs/b.wav|Good.|en-GB", "wavs/c.wav|Dobro.|sk"]
    metadata(folder, "audio_file|text|language", *rows)
    clips, rejected = read_folder(folder)
    assert [clip.language for clip in clips] == ["hu", "en"]
    assert [(row.audio_file, row.value) for row in rejected] == [("wavs/c.wav", "sk")]
    assert rejected[0].reason.startswith("line 4: an unknown language; XTTS-v2 speaks ar, cs, de")


def test_a_row_that_cannot_be_read_is_rejected_with_its_line(folder: Path) -> None:
    rows = ["a.wav|Jó | estét!|s", "wavs/b.wav|Jó estét!|s"]
    metadata(folder, "audio_file|text|speaker_name", *rows)
    clips, rejected = read_folder(folder)
    assert [clip.text for clip in clips] == ["Jó estét!"]
    assert rejected[0].audio_file == "a.wav"
    assert rejected[0].reason.startswith("line 2: 4 cells in place of 3")
    assert rejected[0].value == "a.wav|Jó | estét!|s"


def test_a_clip_that_stands_twice_is_rejected_once(folder: Path) -> None:
    metadata(folder, "audio_file|text", "a.wav|Első.", "./a.wav|Második.")
    clips, rejected = read_folder(folder)
    assert [clip.text for clip in clips] == ["Első."]
    assert rejected == [Rejection("./a.wav", "line 3: the clip stands twice", "Első.")]


def test_equal_names_in_two_folders_are_refused_in_a_finished_set_only(folder: Path) -> None:
    write_audio(folder / "other" / "b.wav", np.zeros(22_050, np.float32))
    metadata(folder, "audio_file|text", "wavs/b.wav|Egy.", "other/b.wav|Kettő.")
    clips, rejected = read_folder(folder)
    assert len(clips) == 1
    assert rejected[0].reason == (
        "line 3: another clip has this name; run xttslab.prepare on the folder"
    )
    assert len(read_folder(folder, raw=True)[0]) == 2


@pytest.mark.posix
def test_a_link_that_points_to_itself_is_a_missing_file(folder: Path) -> None:
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    metadata(folder, "audio_file|text", "loop.wav|Egy.", "a.wav|Kettő.")
    _, rejected = read_folder(folder)
    assert rejected[0].reason == "line 2: no such audio file"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["audio_file|text|category", "a.wav|Mi?|kérdés"],
            "category 'kérdés' may hold a-z, 0-9, _ and - only; write 'kerdes'",
        ),
        (["audio_file|text|split", "a.wav|Mi?|dev"], "split 'dev' must be train, eval or empty"),
        (
            ["audio_file|text", "x.wav|Mi?"],
            "no usable clip in its metadata; the first rejected row: line 2: no such audio file (",
        ),
    ],
)
def test_faults_of_the_whole_file_are_one_line(
    folder: Path, lines: list[str], message: str
) -> None:
    metadata(folder, *lines)
    with pytest.raises(UserError) as caught:
        read_folder(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_metadata_names_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"add one of metadata\.csv, transcripts\.psv"):
        find_metadata(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        find_metadata(tmp_path / "nowhere")


def test_what_is_written_is_read_back(folder: Path) -> None:
    clips = [
        Clip(folder / "a.wav", 'Egy | "kettő"', "s", "greeting", False, "hu", "train", "x"),
        Clip(folder / "wavs" / "b.wav", "Mi?", "s", "question", True, "hu", "eval", "x"),
        Clip(folder / "wavs" / "c.wav", "Nos.", "s", split="train", source="x"),
    ]
    write_metadata(folder / "metadata.csv", clips)
    assert "|question?|" in (folder / "metadata.csv").read_text(encoding="utf-8")
    assert read_folder(folder, source="other") == (clips, [])


def members(count: int, category: str = "neutral", split: str = "") -> list[Clip]:
    return [
        Clip(Path(f"{category}{i}.wav"), "Szöveg.", "s", category, split=split)
        for i in range(count)
    ]


@pytest.mark.parametrize(("count", "held"), [(1, 0), (2, 0), (3, 1), (10, 1), (23, 2), (231, 23)])
def test_a_tenth_of_each_category_is_held_out_and_one_of_three(count: int, held: int) -> None:
    clips = assign_split(members(count), [f"{i:03d}" for i in range(count)], 0.1)
    assert sum(clip.split == "eval" for clip in clips) == held
    assert [clip.split for clip in clips[:held]] == ["eval"] * held


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["neutral", "greeting", "tension"]), min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_clips_added_later_never_move_those_that_have_their_place(
    categories: list[str], cut: int
) -> None:
    clips = [Clip(Path(f"{i}.wav"), "Szöveg.", "s", c) for i, c in enumerate(categories)]
    hashes = [f"{(i * 7919) % 1009:04d}" for i in range(len(clips))]
    first = assign_split(clips[:cut], hashes[:cut], 0.1)
    later = assign_split([*first, *clips[cut:]], hashes, 0.1)
    assert later[: len(first)] == first
    assert all(clip.split in ("train", "eval") for clip in later)
    for category in set(categories):
        splits = [clip.split for clip in later if clip.category == category]
        assert len(splits) < 3 or "eval" in splits


def test_the_split_does_not_depend_on_the_order_of_rows() -> None:
    clips, hashes = members(12), [f"{(i * 5) % 12:02d}" for i in range(12)]
    forward = assign_split(clips, hashes, 0.1)
    backward = assign_split(clips[::-1], hashes[::-1], 0.1)
    assert forward == backward[::-1]


def test_a_category_that_grew_gives_a_new_clip_to_the_held_out() -> None:
    two = [replace(clip, split="train") for clip in members(2)]
    grown = assign_split([*two, members(3)[2]], ["a", "b", "c"], 0.1)
    assert [clip.split for clip in grown] == ["train", "train", "eval"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Kérdés!", "kerdes"), ("jó estét", "jo-estet"), ("???", "neutral"), ("tension", "tension")],
)
def test_slug_gives_a_name_that_mlflow_takes(name: str, wanted: str) -> None:
    assert slug(name) == wanted


CELLS = st.text(alphabet='ab./|";,\t\n\ré\x00\u2028', max_size=12)


@settings(max_examples=200, deadline=None)
@example(content=b'";\x00\r;\r;";')  # a quoted cell of three lines that names no file
@given(content=st.binary(max_size=200) | st.lists(CELLS, max_size=12).map("".join).map(str.encode))
@pytest.mark.parametrize("header", [b"", b"audio_file|text\n"])
def test_any_bytes_give_clips_rejections_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.wav").write_bytes(b"")
    (folder / "metadata.csv").write_bytes(header + content)
    fault = None
    try:
        clips, rejected = read_folder(folder)
    except UserError as caught:
        fault = str(caught)
    if fault is not None:
        assert "\n" not in fault
        assert str(folder) in fault
    else:
        assert all(clip.audio == folder / "a.wav" and clip.text for clip in clips)
        assert all(entry.reason for entry in rejected)
