"""Folders in the layouts of other tools are understood, prepared and trained on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.preparing.categories import FolderCategories
from xttslab.data.preparing.folder import Folder, read_table
from xttslab.data.preparing.layouts import find_lists
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.data.preparing.sources import ASSETS, Found, find_items
from xttslab.errors import UserError

CONF = Path(__file__).parents[3] / "conf" / "prepare"


@pytest.fixture(scope="module")
def said() -> list[Clip]:
    """Eight short packaged clips."""
    clips, _ = read_folder(ASSETS / "demo_blikk")
    return [clip for clip in clips[:60] if len(read_audio(clip.audio)) < 2.6 * SAMPLE_RATE][:8]


def header(folder: Path, said: list[Clip]) -> None:
    lines = [f"wavs/{n}.wav|{clip.text}|vago|neutral" for n, clip in enumerate(said)]
    text = "\n".join(["audio_file|text|speaker_name|category", *lines])
    (folder / "metadata.csv").write_text(text, encoding="utf-8")


def ljspeech(folder: Path, said: list[Clip]) -> None:
    lines = [f"{n}|{clip.text} (1.)|{clip.text}" for n, clip in enumerate(said)]
    (folder / "metadata.csv").write_bytes("\r\n".join(lines).encode("cp1250"))


def coqui(folder: Path, said: list[Clip]) -> None:
    lines = [f"wavs/{n}.wav|{clip.text}|vago" for n, clip in enumerate(said)]
    for name, part in (("train", lines[:6]), ("eval", lines[6:])):
        text = "\n".join(["audio_file|text|speaker_name", *part])
        (folder / f"metadata_{name}.csv").write_text(text, encoding="utf-8")


def transcripts(folder: Path, said: list[Clip]) -> None:
    header(folder, said)
    (folder / "metadata.csv").rename(folder / "transcripts.psv")


@pytest.mark.parametrize("layout", [header, ljspeech, coqui, transcripts])
def test_prepare_then_train(
    workplace: Path,
    tiny: Callable[..., object],
    plan: PreparationPlan,
    said: list[Clip],
    layout: Callable[[Path, list[Clip]], None],
) -> None:
    from xttslab.training.run import train

    source = workplace / "source"
    for number, clip in enumerate(said):
        write_audio(source / "wavs" / f"{number}.wav", read_audio(clip.audio))
    layout(source, said)
    folder = Folder(workplace / "data" / "new")
    prepare(source, folder, plan)
    assert [clip.text for clip in folder.rows("hu")] == [clip.text for clip in said]
    if layout is coqui:
        assert [clip.split for clip in folder.rows("hu")] == ["train"] * 6 + ["eval"] * 2
    sources = ("~dataset.sources.milliomos", "+dataset.sources.new=data/new", "dataset.name=new")
    loss = train(tiny(*sources, "trainer.max_epochs=1", "run_name=new"))
    assert np.isfinite(loss)
    rows = (workplace / "outputs/new/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert "eval/new/mel_ce" in json.loads(rows[-1])


def laid(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files; recordings hold their name."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content or name, encoding="utf-8", newline="\n")
    return folder


def texts(found: Found) -> dict[str, str]:
    return {item.origin: item.clip.text for item in found.items}


AUDIO = {"wavs/a.wav": "", "wavs/b.wav": "", "wavs/c.wav": ""}
LAYOUTS = {
    "hugging_face": (
        {"metadata.csv": "file_name,transcription\nwavs/a.wav,Jó.\nwavs/b.wav,Nem.\n"},
        "metadata.csv: Hugging Face (file_name is audio_file, transcription is text)",
    ),
    "hugging_face_lines": (
        {
            "metadata.jsonl": '{"file_name": "wavs/a.wav", "transcription": "Jó."}\n'
            '{"file_name": "wavs/b.wav", "transcription": "Nem."}\n'
        },
        "metadata.jsonl: JSON lines of Hugging Face "
        "(file_name is audio_file, transcription is text)",
    ),
    "common_voice": (
        {
            "validated.tsv": "client_id\tpath\tsentence\nx\ta.wav\tJó.\ny\tb.wav\tNem.\n",
            "train.tsv": "client_id\tpath\tsentence\nx\ta.wav\tJó.\n",
            "invalidated.tsv": "client_id\tpath\tsentence\nx\tc.wav\tRossz.\n",
        },
        "validated.tsv: Common Voice "
        "(client_id is speaker_name, path is audio_file, sentence is text)",
    ),
    "gpt_sovits": (
        {"slicer_opt.list": "D:\\set\\a.wav|s|HU|Jó estét!\nD:\\set\\b.wav|s|HU|Nem jó.\n"},
        "slicer_opt.list: a list of GPT-SoVITS (column 1 is audio_file, column 2 is speaker_name, "
        "column 3 is language, column 4 is text)",
    ),
    "piper": (
        {"metadata.csv": "a|Jó estét!\nb|Nem jó.\n"},
        "metadata.csv: a table without a header (column 1 is audio_file, column 2 is text)",
    ),
    "f5_tts": (
        {"metadata.csv": "audio_file|text\n/home/me/wavs/a.wav|Jó.\n/home/me/wavs/b.wav|Nem.\n"},
        "metadata.csv: a table (audio_file, text)",
    ),
    "nemo": (
        {"manifest.json": '{"audio_filepath": "a.wav", "text": "Jó."}\n{"audio_filepath": "b"}'},
        "manifest.json: JSON lines (text, audio_filepath is audio_file)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_lists_of_other_tools_are_understood(tmp_path: Path, layout: str) -> None:
    files, line = LAYOUTS[layout]
    found = find_items(laid(tmp_path, files | AUDIO), "x", "hu", "s")
    assert list(texts(found)) == ["wavs/a.wav", "wavs/b.wav"]
    assert found.items[0].clip.text.startswith("Jó")
    assert found.understood[0].startswith(f"{line}, 2 of 2 rows with audio")


def test_lists_for_training_and_for_eval_give_the_split(tmp_path: Path) -> None:
    files = {"train_list.txt": "a.wav|Jó.|0\nb.wav|Nem.|0\n", "val_list.txt": "c.wav|Igen.|0\n"}
    found = find_items(laid(tmp_path, files | AUDIO), "x", "hu", "s")
    assert [(item.origin, item.clip.split) for item in found.items] == [
        ("wavs/a.wav", "train"),
        ("wavs/b.wav", "train"),
        ("wavs/c.wav", "eval"),
    ]


def test_lists_of_folders_below_are_joined(tmp_path: Path) -> None:
    files = {
        "train/metadata.csv": "file_name,text\na.wav,Jó.\n",
        "train/a.wav": "1",
        "test/metadata.csv": "file_name,text\na.wav,Nem.\n",
        "test/a.wav": "2",
    }
    found = find_items(laid(tmp_path, files), "x", "hu", "s")
    assert texts(found) == {"test/a.wav": "Nem.", "train/a.wav": "Jó."}
    assert [item.clip.split for item in found.items] == ["eval", "train"]


def test_vctk_has_its_texts_elsewhere_and_speakers_in_folders(tmp_path: Path) -> None:
    files = {f"txt/{s}/{s}_001.txt": f"Call {s}." for s in ("p225", "p226")}
    files |= {"wav48/p225/p225_001.wav": "", "wav48/p226/p226_001_mic1.flac": ""}
    found = find_items(laid(tmp_path, files), "x", "en", "s")
    assert [(item.clip.speaker, item.clip.text) for item in found.items] == [
        ("p225", "Call p225."),
        ("p226", "Call p226."),
    ]
    assert found.rejected == []


def test_accents_of_categories_become_plain_and_are_told(tmp_path: Path) -> None:
    table = "audio_file|text|category\na.wav|Jó?|Kérdés\nb.wav|Nem.|izgalom?\nc.wav|Ő.|\n"
    found = find_items(laid(tmp_path, {"metadata.csv": table} | AUDIO), "x", "hu", "s")
    assert [(i.clip.category, i.clip.category_assumed) for i in found.items] == [
        ("kerdes", False),
        ("izgalom", True),
        ("neutral", True),
    ]
    assert found.understood[1] == "categories written anew: Kérdés → kerdes"


def test_categories_that_differ_by_an_accent_are_refused(tmp_path: Path) -> None:
    table = "audio_file|text|category\na.wav|Jó?|kérdés\nb.wav|Nem.|Kerdes\n"
    with pytest.raises(UserError) as caught:
        find_items(laid(tmp_path, {"metadata.csv": table} | AUDIO), "x", "hu", "s")
    assert str(caught.value) == (
        "categories 'Kerdes' and 'kérdés' differ by accents or signs only, and both would be "
        "'kerdes'; write one of them in every row"
    )


def test_metadata_that_is_cut_off_stops_the_preparation(tmp_path: Path) -> None:
    laid(tmp_path, {"metadata.json": '[{"filename": "a.wav", "te'} | AUDIO)
    with pytest.raises(UserError, match=r"metadata\.json: its JSON is cut off at line 1"):
        find_lists(tmp_path)


@pytest.mark.parametrize(
    ("files", "near"),
    [
        (
            {"list.csv": "audio_file|text\nx/a.wav|Jó.\n"},
            "list.csv: none of its 1 recordings is here: x/a.wav",
        ),
        ({"set.zip": "PK"}, "set.zip: an archive; unpack it"),
        (
            {"data/train-0.parquet": "PAR1"},
            "data/train-0.parquet: save its rows as audio files with a metadata.csv "
            "(file_name, text)",
        ),
        ({"x.bin": "1"}, "none; it holds 1 other files, such as x.bin"),
        ({}, "none, the folder is empty"),
    ],
)
def test_an_unknown_layout_is_told_what_was_looked_for(
    tmp_path: Path, files: dict[str, str], near: str
) -> None:
    laid(tmp_path, files)
    with pytest.raises(UserError) as caught:
        find_items(tmp_path, "x", "hu", "s")
    message = str(caught.value)
    assert message.startswith(f"source {tmp_path}: nothing to prepare in it; looked for recordings")
    assert "Common Voice's validated.tsv, GPT-SoVITS' .list" in message
    assert message.endswith(f"the nearest match: {near}")


def case(name: str) -> Path:
    folder = Path(__file__).parents[4] / "shared" / "cases" / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/cases/{name}")
    return folder


def test_the_replicas_of_what_people_have_are_understood() -> None:
    backslashes = find_items(case("backslash_paths"), "x", "hu", "s")
    assert len(backslashes.items) == 4
    assert backslashes.understood[0].endswith(r"paths with \ read as folders")
    listed = find_items(case("json_list"), "x", "hu", "s")
    assert [item.clip.category for item in listed.items] == ["excitement"] * 4
    assert listed.items[0].clip.text == "Hihetetlen, megvan a tízmillió forint!"
    assert listed.understood == [
        "metadata.json: a JSON list (text, category, filename is audio_file), 4 of 4 rows with "
        r"audio; paths of another machine (D:\voice\set\clips\…) found again in clips/"
    ]


def test_the_folders_of_the_replica_are_its_categories() -> None:
    shipped = yaml.safe_load((CONF / "categories.yaml").read_text(encoding="utf-8"))
    folders = FolderCategories(None, shipped["no_category"], shipped["most_folders"])
    found = find_items(case("category_by_folder"), "x", "hu", "s")
    clips, told = folders.name([i.clip for i in found.items], [i.origin for i in found.items])
    named = Counter("" if clip.category_assumed else clip.category for clip in clips)
    assert named == {"confirmation": 2, "greeting": 3, "question": 3, "tension": 3, "": 3}
    assert told == [
        "categories from the folders: confirmation 2, greeting 3, question 3, tension 3; "
        "3 clips without one in long, medium, short"
    ]


def test_untidy_texts_are_made_ready_and_each_change_is_listed(
    tmp_path: Path, plan: PreparationPlan
) -> None:
    folder = Folder(tmp_path / "data" / "untidy")
    prepare(case("untidy_texts"), folder, plan)
    texts = {clip.audio.stem: clip.text for clip in folder.rows("hu")}
    assert texts["tag_at_start"].startswith("A játék tizenöt")
    assert texts["tag_inside"].startswith("Játékosunk Szegedről")
    assert texts["double_spaces"] == "A közönség hatvan százaléka a cé választ jelölte meg."
    assert "négyből. Telefonon" in texts["missing_space"]
    changes = {
        (Path(row["audio_file"]).stem, row["change"], row["value"])
        for row in read_table(folder.path / "changed.csv")
        if "text" in row["change"]
    }
    assert changes == {
        ("tag_at_start", "tags taken out of the text", "[nevet]"),
        ("tag_inside", "tags taken out of the text", "(köhög)"),
        ("false_start", "-- of the text mended", "Az-- Az"),
        ("double_spaces", "doubled spaces of the text mended", "8 places"),
        ("missing_space", "missing spaces of the text mended", "négyből.Telefonon"),
    }
    (rejected,) = read_table(folder.path / "rejected.csv")
    assert (rejected["audio_file"], rejected["reason"], rejected["value"]) == (
        "wavs/only_dots.wav", "the text has no word", "...",
    )  # fmt: skip
    kinds = {
        (Path(row["audio_file"]).stem, row["check"])
        for row in read_table(folder.path / "review.csv")
    }
    assert kinds >= {
        ("false_start", "false_start"),
        ("cut_off_text", "cut_off_text"),
        ("starts_inside_sentence", "starts_inside_sentence"),
        ("starts_inside_sentence", "ends_inside_sentence"),
    }
    assert not prepare(case("untidy_texts"), folder, plan)


@pytest.mark.posix
def test_links_to_nowhere_are_told_not_followed(tmp_path: Path) -> None:
    write_audio(tmp_path / "show.wav", np.zeros(SAMPLE_RATE, np.float32))
    for name in ("notes.txt", "show.json"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    found = find_items(tmp_path, "quiz", "hu", "anna")
    assert [item.origin for item in found.items] == ["show.wav"]
    told = {row.audio_file: row.value for row in found.rejected}
    assert "show.json: cannot be read (No such file or directory)" in told["show.json"]
