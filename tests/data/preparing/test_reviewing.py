"""Decisions of a reviewer reach metadata.csv at once, survive kills, other programs and prepare."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from xttslab.data.audio import write_audio
from xttslab.data.manifest import Clip, read_folder, write_metadata
from xttslab.data.preparing import reviewing
from xttslab.data.preparing.folder import Folder, read_table, write_table
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.data.preparing.review_files import append_line
from xttslab.data.preparing.reviewing import Doubts, ReviewedSet, RowChanged, Seen
from xttslab.errors import UserError

DOUBTS = Doubts({"voice": 3, "hum": 1, "category": 0.25}, other=1)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Five clips, a to e, of which b has two small flags and d a large one."""
    folder = Folder(tmp_path / "data" / "show")
    clips = []
    for name in "abcde":
        folder.audio(name).parent.mkdir(parents=True, exist_ok=True)
        folder.audio(name).write_bytes(b"RIFF")
        category = ("question", True) if name == "c" else ("greeting", False)
        clips.append(Clip(folder.audio(name), f"Mondat {name}.", "demo", *category, "hu", "train"))
    write_metadata(folder.path / "metadata.csv", clips)
    flags = [("b", "hum", "-30 dB"), ("b", "noise", "9 dB"), ("d", "voice", "cosine 0.4")]
    rows = [(f"wavs/{name}.wav", check, f"a {check}", value) for name, check, value in flags]
    write_table(folder.path / "review.csv", ("audio_file", "check", "finding", "value"), rows)
    return folder


def metadata(folder: Folder) -> list[str]:
    return (folder.path / "metadata.csv").read_text(encoding="utf-8").splitlines()[1:]


def rejected(folder: Folder) -> dict[str, str]:
    rows = read_table(folder.path / "rejected.csv")
    return {row["audio_file"]: row["reason"] for row in rows}


def seen(name: str, category: str = "greeting") -> Seen:
    return Seen(f"Mondat {name}.", category, True)


def test_the_most_doubtful_clip_comes_first(folder: Folder) -> None:
    clips = ReviewedSet(folder, DOUBTS).clips()
    assert [Path(clip.audio_file).stem for clip in clips] == ["d", "b", "c", "a", "e"]
    assert [clip.doubt for clip in clips] == [3, 2, 0.25, 0, 0]
    assert clips[1].flags[0] == reviewing.Flag("hum", "a hum", "-30 dB")
    assert clips[2].category == "question?"


def test_a_correction_is_written_at_once_and_remembered(folder: Folder) -> None:
    (folder.path / "metadata.csv").write_text(
        (folder.path / "metadata.csv").read_text("utf-8").replace("|source", "|source|take")
        .replace("train|", "train||7"), encoding="utf-8"
    )  # fmt: skip
    review = ReviewedSet(folder, DOUBTS)
    kept = review.keep("wavs/c.wav", seen("c", "question?"), " Új   szöveg! ", "tension")
    assert (kept.text, kept.category, kept.state) == ("Új szöveg!", "tension", "kept")
    assert metadata(folder)[2] == "wavs/c.wav|Új szöveg!|demo|tension|hu|train||7"
    review.keep("wavs/a.wav", seen("a"), "Mondat a.", "greeting")
    again = ReviewedSet(folder, DOUBTS).clips()
    assert {c.audio_file for c in again if c.state == "kept"} == {"wavs/c.wav", "wavs/a.wav"}
    # what changes later is to be heard again
    review.keep("wavs/b.wav", seen("b"), "Mondat b.", "greeting")
    text = "\n".join(metadata(folder)).replace("Mondat b.", "Más.")
    (folder.path / "metadata.csv").write_text(
        "audio_file|text|speaker_name|category|language|split|source|take\n" + text, "utf-8"
    )
    states = {clip.audio_file: clip.state for clip in review.clips()}
    assert states["wavs/b.wav"] == "open"


def test_a_clip_left_out_is_listed_and_taken_back_to_its_place(folder: Folder) -> None:
    before = metadata(folder)
    review = ReviewedSet(folder, DOUBTS)
    out = review.leave_out("wavs/b.wav", seen("b"), "another voice")
    assert (out.state, out.reason) == ("out", "left out in review: another voice")
    assert metadata(folder) == [line for line in before if "/b.wav" not in line]
    assert rejected(folder) == {"wavs/b.wav": "left out in review: another voice"}
    later = ReviewedSet(folder, DOUBTS)
    assert later.clips()[-1].audio_file == "wavs/b.wav"
    later.keep("wavs/b.wav", Seen("Mondat b.", "greeting", False), "Mondat b.", "greeting")
    assert metadata(folder) == before
    assert rejected(folder) == {}


@pytest.mark.parametrize("step", ["decide", "write", "reject"])
def test_a_kill_at_any_moment_loses_nothing(folder: Folder, monkeypatch, step: str) -> None:
    review = ReviewedSet(folder, DOUBTS)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    owner = reviewing.EditedRows if step == "write" else reviewing
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            review.leave_out("wavs/b.wav", seen("b"), "noise")
    append = folder.state / "review.jsonl"
    with append.open("a", encoding="utf-8") as file:
        file.write('{"audio_file": "wavs/a.wav", "did": "ke')  # torn by the kill
    later = ReviewedSet(folder, DOUBTS)
    used = any("/b.wav" in line for line in metadata(folder))
    assert used == (step != "reject")
    assert rejected(folder) == ({} if used else {"wavs/b.wav": "left out in review: noise"})
    (clip,) = [clip for clip in later.clips() if clip.audio_file == "wavs/b.wav"]
    later.keep("wavs/b.wav", Seen("Mondat b.", "greeting", used), "Mondat b!", "greeting")
    assert clip.text == "Mondat b."
    assert len(metadata(folder)) == 5
    assert ReviewedSet(folder, DOUBTS).clips()[1].state == "kept"  # after the torn line, too


def test_what_another_program_wrote_is_not_lost(folder: Folder) -> None:
    review = ReviewedSet(folder, DOUBTS)
    assert len(review.clips()) == 5
    path = folder.path / "metadata.csv"
    path.write_text(path.read_text("utf-8").replace("Mondat a.", "Kézzel."), encoding="utf-8")
    with pytest.raises(
        RowChanged, match=r"another program changed its row to 'Kézzel\.' \(greet"
    ) as c:
        review.keep("wavs/a.wav", seen("a"), "Enyém.", "greeting")
    assert c.value.clip.text == "Kézzel."
    assert "Kézzel." in metadata(folder)[0]
    review.keep("wavs/b.wav", seen("b"), "Enyém.", "greeting")  # another row
    assert [line.split("|")[1] for line in metadata(folder)[:2]] == ["Kézzel.", "Enyém."]
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:4]) + "\n", encoding="utf-8")
    with pytest.raises(RowChanged, match=r"took its row out of metadata\.csv; press again"):
        review.keep("wavs/e.wav", seen("e"), "Mondat e.", "greeting")
    review.keep("wavs/e.wav", replace(seen("e"), used=False), "Mondat e.", "greeting")
    assert len(metadata(folder)) == 4
    path.write_text(path.read_text("utf-8") + "wavs/d.wav|csak három|cella\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"line 6: 3 cells in place of 7 .*nothing was"):
        review.keep("wavs/a.wav", Seen("Kézzel.", "greeting", True), "x", "greeting")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "category", "message"),
    [
        (" ", "greeting", "the text is empty; write what is said, or leave the clip out"),
        ("a" * 2001, "greeting", "the text has 2001 characters"),
        ("...", "greeting", "cannot be read aloud: no letter"),
        ("Jó.", "Kérdés!", "category 'Kérdés!' may hold a-z, 0-9, _ and - only; write 'kerdes'"),
        ("Jó.", "kérdés?", "write 'kerdes'"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    folder: Folder, text: str, category: str, message: str
) -> None:
    before = metadata(folder)
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        ReviewedSet(folder, DOUBTS).keep("wavs/a.wav", seen("a"), text, category)
    assert metadata(folder) == before


def test_a_set_is_not_reviewed_while_it_is_prepared(folder: Folder, monkeypatch) -> None:
    monkeypatch.setattr(reviewing, "_PATIENCE_S", 0.0)
    review = ReviewedSet(folder, DOUBTS)
    with FileLock(folder.state / "lock"):
        with pytest.raises(UserError, match="show is being prepared by another process; wait"):
            review.keep("wavs/a.wav", seen("a"), "x", "greeting")
        with pytest.raises(UserError, match="is being prepared"):
            ReviewedSet(folder, DOUBTS)
    assert "Mondat a." in metadata(folder)[0]


def test_the_last_clip_stays_and_only_clips_of_the_folder_are_heard(folder: Folder) -> None:
    review = ReviewedSet(folder, DOUBTS)
    assert review.audio("wavs/a.wav") == folder.audio("a")
    (folder.path.parent / "secret.wav").write_bytes(b"RIFF")
    for name in ("../secret.wav", "wavs/../../secret.wav", "metadata.csv", ""):
        assert review.audio(name) is None
    line = "../secret.wav|Titok.|demo|greeting|hu|train|\n"
    with (folder.path / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(line)
    assert review.audio("../secret.wav") is None  # a row does not make it part of the set
    for name in "abcde":
        before = seen(name, "question?" if name == "c" else "greeting")
        review.leave_out(f"wavs/{name}.wav", before, "x")
    with pytest.raises(UserError, match="is the last clip of the set; keep it"):
        review.leave_out("../secret.wav", Seen("Titok.", "greeting", True), "x")


@pytest.fixture
def source(tmp_path: Path, spoken: list[np.ndarray]) -> Callable[..., Path]:
    place = tmp_path / "source"

    def made(texts: dict[str, str]) -> Path:
        for number, name in enumerate(texts):
            write_audio(place / f"{name}.wav", spoken[number])
        write_audio(place / "halk.wav", 0.5 * spoken[0])
        lines = [f"{name}.wav|{text}|demo|" for name, text in (texts | {"halk": "Első."}).items()]
        text = "\n".join(["audio_file|text|speaker_name|category", *lines])
        (place / "metadata.csv").write_text(text + "\n", encoding="utf-8")
        return place

    return made


def test_prepare_keeps_what_a_reviewer_decided(
    source: Callable[..., Path], tmp_path: Path, plan: PreparationPlan
) -> None:
    folder = Folder(tmp_path / "data" / "show")
    texts = {"1": "Első.", "2": "Második.", "3": "Harmadik."}
    prepare(source(texts), folder, plan)
    review = ReviewedSet(folder, DOUBTS)
    clips = {Path(clip.audio_file).stem: clip for clip in review.clips()}
    assert clips["halk"].state == "out"  # a copy, by the checks
    assert clips["halk"].reason == "the same recording as 1.wav"
    for name, out in (("1", False), ("halk", True)):
        before = Seen(clips[name].text, clips[name].category, not out)
        review.keep(f"wavs/{name}.wav", before, "Kijavítva.", "greeting")
    review.leave_out("wavs/2.wav", Seen("Második.", "", True), "cut off")
    changed = {name: text.replace(".", "!") for name, text in texts.items()}
    for plan_now in (plan, replace(plan, eval_share=0.2)):
        prepare(source(changed), folder, plan_now)
        rows = {clip.audio.stem: clip for clip in read_folder(folder.path, "show")[0]}
        assert {name: row.text for name, row in rows.items()} == {
            "1": "Kijavítva.", "3": "Harmadik!", "halk": "Kijavítva.",
        }  # fmt: skip
        assert rows["1"].category == rows["halk"].category == "greeting"
        assert rows["halk"].split == "train"
        assert rejected(folder) == {"wavs/2.wav": "left out in review: cut off"}
    review = ReviewedSet(folder, DOUBTS)
    review.keep("wavs/2.wav", Seen("Második.", "", False), "Második!", "")
    prepare(source(changed), folder, plan)
    assert {clip.audio.stem for clip in folder.rows("hu")} == {"1", "2", "3", "halk"}
    assert rejected(folder) == {}


def test_a_line_after_a_torn_one_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "state" / "log.jsonl"
    append_line(path, json.dumps({"ő": 1}))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"torn')
    append_line(path, "{}")
    assert path.read_text(encoding="utf-8") == '{"ő": 1}\n{"torn\n{}\n'.replace("ő", "\\u0151")
