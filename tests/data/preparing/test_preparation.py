"""Every layout and every kind of bad file: each fault has its row, nothing is lost, and a second
run does nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from filelock import FileLock

from tests.data.preparing.conftest import shared
from xttslab.data.audio import SAMPLE_RATE, write_audio
from xttslab.data.datasheet import read_sheet
from xttslab.data.manifest import read_folder
from xttslab.data.preparing.categories import Proposer, Rule
from xttslab.data.preparing.folder import Folder, read_table
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.errors import UserError


@pytest.fixture
def source(tmp_path: Path, spoken: list[np.ndarray]) -> Path:
    """Six clips, one to six, with a header and two categories."""
    folder = tmp_path / "source"
    rows = ["audio_file|text|speaker_name|category"]
    for number, clip in enumerate(spoken[:6], 1):
        write_audio(folder / f"{number}.wav", clip)
        rows.append(f"{number}.wav|Ez a(z) {number}. mondat.|demo|{('greeting', '')[number % 2]}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data" / "show")


def add(source: Path, name: str, text: str = "Szöveg.") -> None:
    with (source / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(f"{name}|{text}|demo|\n")


def rejections(folder: Folder) -> dict[str, tuple[str, str]]:
    rows = read_table(folder.path / "rejected.csv")
    return {row["audio_file"]: (row["reason"], row["value"]) for row in rows}


def edit(folder: Folder, old: str, new: str) -> None:
    path = folder.path / "metadata.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_folder_of_clips_becomes_a_set_that_training_reads(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    assert prepare(source, folder, plan)
    clips, rejected = read_folder(folder.path, "show")
    assert rejected == []
    assert [clip.text for clip in clips] == [f"Ez a(z) {n}. mondat." for n in range(1, 7)]
    assert {clip.split for clip in clips} == {"train", "eval"}
    info = sf.info(clips[0].audio)
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
    assert rejections(folder) == {}
    changes = {row["change"] for row in read_table(folder.path / "changed.csv")}
    assert "gain" in changes
    assert read_sheet(folder.path).warning()


def test_a_second_run_does_nothing_and_a_changed_source_only_what_is_new(
    source: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    prepare(source, folder, plan)
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.wav")}
    split = {clip.audio.name: clip.split for clip in folder.rows("hu")}
    assert not prepare(source, folder, plan)
    assert not prepare(source, folder, replace(plan, workers=7))
    write_audio(source / "7.wav", spoken[7])
    add(source, "7.wav")
    assert prepare(source, folder, plan)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    after = {clip.audio.name: clip.split for clip in folder.rows("hu")}
    assert len(after) == 7
    assert {name: after[name] for name in split} == split


def test_other_parameters_make_the_clips_again(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    prepare(source, folder, plan)
    louder = replace(plan.recipe, loudness=replace(plan.recipe.loudness, target_lufs=-30.0))
    assert prepare(source, folder, replace(plan, recipe=louder))
    gains = [float(row["gain_db"]) for row in read_table(folder.path / "clips.csv")]
    lufs = [float(row["lufs"]) for row in read_table(folder.path / "clips.csv")]
    assert np.allclose(np.add(gains, lufs), -30.0, atol=0.01)


def test_what_a_person_writes_into_the_manifest_stays(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    prepare(source, folder, plan)
    edit(folder, "Ez a(z) 1. mondat.", "Kézzel javítva.")
    lines = (folder.path / "metadata.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "2. mondat" not in line]
    (folder.path / "metadata.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    for _ in range(2):
        prepare(source, folder, plan)
        texts = {clip.audio.stem: clip.text for clip in folder.rows("hu")}
        assert texts["1"] == "Kézzel javítva."
        assert "2" not in texts
        assert rejections(folder)["wavs/2.wav"] == (
            "its row was deleted from metadata.csv",
            "Ez a(z) 2. mondat.",
        )


def test_recordings_are_added_to_an_existing_set(
    source: Path, folder: Folder, plan: PreparationPlan, tmp_path: Path, spoken: list[np.ndarray]
) -> None:
    prepare(source, folder, plan)
    split = {clip.audio.name: clip.split for clip in folder.rows("hu")}
    pause = np.zeros(SAMPLE_RATE, np.float32)
    write_audio(tmp_path / "more" / "1.wav", np.concatenate([spoken[8], pause, spoken[9]]))
    assert prepare(tmp_path / "more", folder, plan)
    rows = {clip.audio.name: clip for clip in folder.rows("hu")}
    added = [clip for name, clip in rows.items() if name not in split]
    assert len(added) >= 2
    assert all(clip.audio.name.startswith("1-") and clip.text == "" for clip in added)
    assert {name: rows[name].split for name in split} == split


def test_a_transcript_that_nobody_can_share_out_is_a_row(
    tmp_path: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    long = np.concatenate([spoken[0], np.zeros(25 * SAMPLE_RATE, np.float32), spoken[1]])
    write_audio(tmp_path / "show.wav", long)
    (tmp_path / "show.txt").write_text("Amit mondanak.", encoding="utf-8")
    prepare(tmp_path / "show.wav", folder, plan)
    reason, value = rejections(folder)["show.wav"]
    assert reason == "its transcript needs transcripts.model to be shared out among its clips"
    assert value == "Amit mondanak. …"
    assert {clip.text for clip in folder.rows("hu")} == {""}


def test_a_text_beside_one_clip_needs_no_recogniser(
    tmp_path: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    for name, clip, ending in (("a", 0, "txt"), ("b", 1, "lab")):
        write_audio(tmp_path / "source" / f"{name}.wav", spoken[clip])
        (tmp_path / "source" / f"{name}.{ending}").write_text(f"Ez a(z) {name}.", encoding="utf-8")
    prepare(tmp_path / "source", folder, plan)
    rows = {clip.audio.name: clip.text for clip in folder.rows("hu")}
    assert rows == {"a.wav": "Ez a(z) a.", "b.wav": "Ez a(z) b."}
    assert rejections(folder) == {}


@pytest.fixture
def interview(tmp_path: Path, spoken: list[np.ndarray]) -> Path:
    """Six clips in a row, every third spoken by Béla, with the times of segments."""
    parts, entries, start = [], [], 0.0
    for number, clip in enumerate(spoken[:6]):
        end, name = start + len(clip) / SAMPLE_RATE, "AAB"[number % 3]
        text = f"Ez a mondat a {number}. számú."
        entries.append({"text": text, "start": start + 0.05, "end": end, "speaker": name})
        parts += [clip, np.zeros(SAMPLE_RATE // 2, np.float32)]
        start = end + 0.5
    write_audio(tmp_path / "show" / "show.wav", np.concatenate(parts))
    (tmp_path / "show" / "show.json").write_text(json.dumps({"segments": entries}), "utf-8")
    return tmp_path / "show"


def test_a_transcript_with_times_gives_each_clip_its_text_and_speaker(
    interview: Path, folder: Folder, plan: PreparationPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(interview, folder, plan)
    assert "show.wav: cut by show.json (times of segments, 6 sentences" in capsys.readouterr().out
    rows = [(clip.text[14], clip.speaker) for clip in folder.rows("hu")]
    assert rows == list(zip("012345", "AABAAB", strict=True))
    assert not prepare(interview, folder, plan)
    assert prepare(interview, folder, replace(plan, keep_speaker="b"))
    assert [(clip.text[14], clip.speaker) for clip in folder.rows("hu")] == [("2", "B"), ("5", "B")]
    value = {value.split(",")[0] for _, value in rejections(folder).values()}
    assert value == {"4 passages of A"}


def test_a_transcript_of_another_recording_is_a_row(
    interview: Path, folder: Folder, plan: PreparationPlan
) -> None:
    late = '{"segments": [{"text": "Vége.", "start": 900, "end": 902}]}'
    (interview / "show.json").write_text(late, "utf-8")
    prepare(interview, folder, plan)
    ((reason, value),) = rejections(folder).values()
    assert reason == "show.json does not fit it"
    assert value.startswith("it ends at 902.0 s, the recording at ")
    assert {clip.text for clip in folder.rows("hu")} == {""}


def test_a_row_that_a_person_broke_is_not_written_over(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    prepare(source, folder, plan)
    edit(folder, "Ez a(z) 1. mondat.", "Jó estét | kívánok!")
    before = (folder.path / "metadata.csv").read_bytes()
    wanted = r"metadata.csv: wavs/1.wav: line 2: 8 cells in place of 7 .* correct the row"
    with pytest.raises(UserError, match=wanted):
        prepare(source, folder, plan)
    assert (folder.path / "metadata.csv").read_bytes() == before


def half_a_file(path: Path, clip: np.ndarray) -> bytes:
    write_audio(path, clip)
    content = path.read_bytes()
    return content[: len(content) // 2]


BAD: dict[str, Callable[[Path, np.ndarray], None]] = {
    "text.wav": lambda path, _: path.write_text("not audio"),
    "zero.wav": lambda path, _: sf.write(path, np.zeros(0), SAMPLE_RATE),
    "nothing.wav": lambda path, _: path.write_bytes(b""),
    "short.wav": lambda path, clip: write_audio(path, clip[: SAMPLE_RATE // 5]),
    "long.wav": lambda path, clip: write_audio(path, np.tile(clip, 20)[: 40 * SAMPLE_RATE]),
    "nan.wav": lambda path, clip: sf.write(
        path, np.where(np.arange(len(clip)) == 9, np.nan, clip), SAMPLE_RATE, subtype="FLOAT"
    ),
    "cut.wav": lambda path, clip: path.write_bytes(half_a_file(path, clip)),
    "silent.wav": lambda path, _: write_audio(path, np.zeros(2 * SAMPLE_RATE, np.float32)),
    "hiss.wav": lambda path, clip: write_audio(
        path, 0.05 * np.random.default_rng(0).standard_normal(len(clip)).astype(np.float32)
    ),
}
REASONS = {
    "text.wav": "cannot be decoded",
    "zero.wav": "shorter than 0.5 s",
    "nothing.wav": "cannot be decoded",
    "short.wav": "shorter than 0.5 s",
    "long.wav": "longer than 28.0 s",
    "nan.wav": "samples are NaN or infinite",
    "cut.wav": "the file is cut off: its header promises more",
    "silent.wav": "no speech is heard",
    "hiss.wav": "no speech is heard",
}
GOOD: dict[str, Callable[[Path, np.ndarray], None]] = {
    "eight bit.wav": lambda path, clip: sf.write(path, clip, SAMPLE_RATE, subtype="PCM_U8"),
    "six.wav": lambda path, clip: sf.write(path, np.stack([clip] * 6, 1), SAMPLE_RATE),
    "fast.wav": lambda path, clip: sf.write(path, np.repeat(clip, 9), 9 * SAMPLE_RATE),
    "telefon őr.wav": lambda path, clip: sf.write(path, np.stack([clip[::3]] * 2, 1), 7_350),
    "mp3.wav": lambda path, clip: sf.write(path, clip, SAMPLE_RATE, format="MP3"),
    "cső|jel.wav": lambda path, clip: write_audio(path, clip),
}


def test_each_bad_file_has_its_row_and_each_odd_one_is_used(
    source: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    for number, (name, write) in enumerate((BAD | GOOD).items()):
        write(source / name, spoken[6 + number % 13])
        add(source, f'"{name}"' if "|" in name else name)
    add(source, "nincs.wav")
    add(source, "../../kint.wav")
    shutil.copy(source / "3.wav", source / "3 másolata.wav")
    add(source, "3 másolata.wav")
    write_audio(source / "halk.wav", 0.5 * spoken[3])
    add(source, "halk.wav")
    add(source, "6.wav")
    write_audio(source / "jel.wav", spoken[19])
    add(source, "jel.wav", "Olvashatatlan \u4e2d jel.")
    prepare(source, folder, plan)
    found = rejections(folder)
    assert {name: found[name][0] for name in BAD} == REASONS
    assert found["short.wav"][1] == "0.20 s"
    assert found["long.wav"][1] == "40.00 s"
    assert found["nan.wav"][1] == "1 samples"
    assert "no such audio file" in found["nincs.wav"][0]
    assert "leaves the folder" in found["../../kint.wav"][0]
    assert found["3 másolata.wav"] == ("the same file is in the set already", "3")
    assert "the clip stands twice" in found["6.wav"][0]
    assert found["wavs/halk.wav"][0] == "the same recording as 4.wav"
    assert "character 14" in found["wavs/jel.wav"][1]
    assert len(found) == len(BAD) + 6
    names = {clip.audio.name for clip in folder.rows("hu")}
    odd = {"cso-jel.wav", "eight-bit.wav", "six.wav", "fast.wav", "telefon-or.wav", "mp3.wav"}
    assert names == {f"{n}.wav" for n in range(1, 7)} | odd
    narrow = [row for row in read_table(folder.path / "review.csv") if row["check"] == "narrow"]
    assert [row["audio_file"] for row in narrow] == ["wavs/telefon-or.wav"]


def test_files_in_different_folders_may_share_a_name(
    tmp_path: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    rows = ["audio_file|text"]
    for number, category in enumerate(("a", "b", "c")):
        write_audio(tmp_path / "source" / category / "01.wav", spoken[number])
        rows.append(f"{category}/01.wav|{category} szöveg.")
    (tmp_path / "source" / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    prepare(tmp_path / "source", folder, plan)
    clips, rejected = read_folder(folder.path, "show")
    assert [clip.text for clip in clips] == ["a szöveg.", "b szöveg.", "c szöveg."]
    assert rejected == []


def test_a_set_of_which_nothing_is_left_keeps_its_reasons(
    tmp_path: Path, folder: Folder, plan: PreparationPlan
) -> None:
    (tmp_path / "source").mkdir()
    write_audio(tmp_path / "source" / "x.wav", np.zeros(SAMPLE_RATE, np.float32))
    (tmp_path / "source" / "metadata.csv").write_text("audio_file|text\nx.wav|Szia.\n")
    with pytest.raises(UserError, match=r"rejected.csv; the first: x.wav: no speech is heard"):
        prepare(tmp_path / "source", folder, plan)
    assert rejections(folder)["x.wav"][0] == "no speech is heard"
    assert not (folder.path / "metadata.csv").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file or folder; correct source=PATH"),
        (lambda path: path.mkdir(), "nearest match: none, the folder is empty"),
        pytest.param(
            lambda path: path.symlink_to(path), "no such file or folder", marks=pytest.mark.posix
        ),
    ],
)
def test_a_source_with_nothing_in_it_is_one_line(
    tmp_path: Path,
    folder: Folder,
    plan: PreparationPlan,
    make: Callable[[Path], None],
    message: str,
) -> None:
    make(tmp_path / "source")
    with pytest.raises(UserError, match=message):
        prepare(tmp_path / "source", folder, plan)


@pytest.mark.posix
def test_links_in_circles_and_to_nowhere_are_rows(
    tmp_path: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    source = tmp_path / "source"
    write_audio(source / "good.wav", spoken[0])
    (source / "circle").symlink_to(source)
    (source / "loop.wav").symlink_to(source / "loop.wav")
    (source / "gone.wav").symlink_to(source / "nowhere.wav")
    prepare(source, folder, plan)
    assert {name: reason for name, (reason, _) in rejections(folder).items()} == {
        "gone.wav": "the file cannot be read",
        "loop.wav": "the file cannot be read",
    }


def test_a_full_disk_stops_in_one_line_and_the_next_run_goes_on(
    source: Path, folder: Folder, plan: PreparationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = Path.write_bytes, [9]

    def fills(path: Path, content: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fills)
        with pytest.raises(UserError, match=r"No space left on device\); free some space"):
            prepare(source, folder, plan)
    assert not list(folder.path.rglob("*.partial"))
    assert prepare(source, folder, plan)
    assert len(folder.rows("hu")) == 6


def test_two_processes_do_not_prepare_one_set(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    folder.state.mkdir(parents=True)
    with FileLock(folder.state / "lock"):
        with pytest.raises(UserError, match="is being prepared by another process; wait for it"):
            prepare(source, folder, plan)
    assert prepare(source, folder, plan)


def test_a_speaker_without_a_name_gets_the_one_of_the_plan(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    lines = (source / "metadata.csv").read_text(encoding="utf-8").splitlines()
    bare = ["audio_file|text", *("|".join(line.split("|")[:2]) for line in lines[1:])]
    (source / "metadata.csv").write_text("\n".join(bare), encoding="utf-8")
    prepare(source, folder, replace(plan, speaker="Őri Béla"))
    assert {clip.speaker for clip in folder.rows("hu")} == {"Őri Béla"}


def test_too_little_space_for_a_recording_is_said_before_it_is_cut(
    tmp_path: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write_audio(tmp_path / "show.wav", spoken[0])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(UserError, match=r"need \d MB while they are cut, 0 MB are free"):
        prepare(tmp_path / "show.wav", folder, plan)


def test_proposed_categories_are_marked_until_a_person_confirms_them(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    plan = replace(plan, proposer=Proposer([Rule("question", text="mondat")]))
    prepare(source, folder, plan)
    assert folder.rows("hu")[0].category == "question"
    assert folder.rows("hu")[0].category_assumed
    edit(folder, "|question?|hu|", "|question|hu|")
    prepare(source, folder, plan)
    named = [clip.category for clip in folder.rows("hu") if not clip.category_assumed]
    assert sorted(named) == ["greeting"] * 3 + ["question"] * 3


def test_a_clip_that_a_check_left_out_can_be_put_back_by_hand(
    source: Path, folder: Folder, plan: PreparationPlan, spoken: list[np.ndarray]
) -> None:
    write_audio(source / "halk.wav", 0.5 * spoken[3])
    add(source, "halk.wav")
    prepare(source, folder, plan)
    assert "wavs/halk.wav" in rejections(folder)
    with (folder.path / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write("wavs/halk.wav|Mégis kell.|demo|||train|show\n")
    for _ in range(2):
        prepare(source, folder, plan)
        assert "halk" in {clip.audio.stem for clip in folder.rows("hu")}
        assert "wavs/halk.wav" not in rejections(folder)
        assert "duplicate" in {row["check"] for row in read_table(folder.path / "review.csv")}


def test_the_same_text_on_both_sides_is_pointed_at_or_avoided(
    source: Path, folder: Folder, plan: PreparationPlan
) -> None:
    lines = (source / "metadata.csv").read_text(encoding="utf-8").splitlines()
    same = [lines[0] + "|split"]
    for number, line in enumerate(lines[1:]):
        cells = line.split("|")
        text = "Ugyanaz a mondat!" if number < 4 else cells[1]
        same.append(f"{cells[0]}|{text}|demo||{'eval' if number == 0 else ''}")
    (source / "metadata.csv").write_text("\n".join(same) + "\n", encoding="utf-8")
    prepare(source, folder, plan)
    leaks = [row for row in read_table(folder.path / "review.csv") if row["check"] == "leak"]
    assert [row["audio_file"] for row in leaks] == ["wavs/1.wav"]
    (source / "metadata.csv").write_text("\n".join(same).replace("eval", ""), encoding="utf-8")
    other = Folder(folder.path.parent / "other")
    prepare(source, other, plan)
    assert read_table(other.path / "review.csv") == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["hungarian_dctts"])
def test_shared_recordings_are_all_used(
    name: str, workers: int, folder: Folder, plan: PreparationPlan
) -> None:
    prepare(shared(name), folder, replace(plan, workers=workers))
    assert rejections(folder) == {}
    assert len(folder.rows("hu")) == 20
    assert read_table(folder.path / "review.csv") == []
