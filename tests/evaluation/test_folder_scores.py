"""Folders of recordings with tables as people write them, and one line for each fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.data.audio import write_audio
from xttslab.errors import UserError
from xttslab.evaluation import speaker_similarity
from xttslab.evaluation.folder_scores import read_clips, score_folder
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE
from xttslab.evaluation.stage_runner import Stopwatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "more/c.wav"):
        write_audio(tmp_path / "audio" / name, tone(0.5), RATE)
    return tmp_path / "audio"


def table(folder: Path, text: str) -> Path:
    path = folder.parent / "texts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_recording_becomes_a_clip(folder: Path) -> None:
    clips = read_clips(folder)
    assert [clip.name for clip in clips] == ["a.wav", "b.wav", "more/c.wav"]
    assert clips[0].text == ""
    assert clips[0].rate == RATE
    assert clips[0].seconds == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_rows_find_their_recording_by_path_name_or_stem(folder: Path, separator: str) -> None:
    lines = [
        ("audio_file", "text", "category", "seed"),
        ("wavs/a.wav", "Jó estét!", "greeting", "8"),
        ("c", "Miért?", "question?", ""),
    ]
    texts = table(folder, "\n".join(separator.join(line) for line in lines))
    a, b, c = read_clips(folder, texts)
    assert (a.text, a.category, a.seed) == ("Jó estét!", "greeting", 8)
    assert (b.text, b.category) == ("", "")
    assert (c.text, c.category) == ("Miért?", "question")


def test_a_folders_own_metadata_is_read(folder: Path) -> None:
    (folder / "metadata.csv").write_text("audio_file|text|speaker_name\nb.wav|Igen.|x\n")
    assert [clip.text for clip in read_clips(folder)] == ["", "Igen.", ""]


def test_a_name_that_two_recordings_share_names_neither(folder: Path) -> None:
    write_audio(folder / "more/a.wav", tone(0.5))
    clips = read_clips(folder, table(folder, "audio_file,text\na.wav,első\nmore/a.wav,második\n"))
    assert {clip.name: clip.text for clip in clips}["a.wav"] == "első"
    write_audio(folder / "other/c.wav", tone(0.5))
    wanted = r"none of its 1 rows .* names 'c': the name fits several files"
    with pytest.raises(UserError, match=wanted):
        read_clips(folder, table(folder, "audio_file,text\nc,valami\n"))


def test_a_row_that_cannot_be_read_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = table(folder, "audio_file|text|seed\na.wav|Jó | estét!|8\nb.wav|Igen.|8\n")
    assert [clip.text for clip in read_clips(folder, texts)] == ["", "Igen.", ""]
    assert "1 of 2 rows name no recording" in caplog.text
    assert "line 2 first: 'a.wav', 4 cells in place of 3" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "texts.csv: the file is empty"),
        ("audio_file,text\n", "texts.csv: a header but no row"),
        ("audio_file|words\na.wav|igen\n", "texts.csv: column text is missing"),
        ("audio_file,text\nz.wav,igen\n", r"none of its 1 rows names a recording in .*'z.wav'"),
    ],
)
def test_a_useless_table_is_said(folder: Path, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_clips(folder, table(folder, content))


def test_a_missing_table_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no\.csv: cannot be read"):
        read_clips(folder, folder / "no.csv")


def test_a_folder_without_recordings_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no recording in it"):
        read_clips(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        read_clips(tmp_path / "none")


def test_a_recording_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "b.wav").write_bytes(np.zeros(100, np.uint8).tobytes())
    with pytest.raises(UserError, match=r"b\.wav: cannot be decoded"):
        read_clips(folder)


def test_hidden_files_are_no_recordings(folder: Path) -> None:
    (folder / "._a.wav").write_bytes(b"what macOS notes of a.wav on other disks")
    assert [clip.name for clip in read_clips(folder) if clip.name.startswith(".")] == []


def test_references_of_two_people_are_refused(
    tmp_path: Path, quick_scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, level in (("a1", 0.1), ("a2", 0.1), ("a3", 0.1), ("b1", 0.9), ("b2", 0.9)):
        write_audio(tmp_path / "real" / f"{name}.wav", tone(2.5, level=level), RATE)
    write_audio(tmp_path / "clips" / "c.wav", tone(1.0), RATE)

    def two(audios: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.eye(2)[int(audio.max() > 0.5)] for audio in audios])

    monkeypatch.setitem(speaker_similarity.ENCODERS, "speaker_similarity", two)
    places = (tmp_path / "clips", tmp_path / "real", None, None, tmp_path / "scores.csv")
    wanted = r"real: 2 of 5 recordings are of another person than most \(b1.wav, b2.wav\)"
    with pytest.raises(UserError, match=wanted):
        score_folder(*places, quick_scoring, Stopwatch())
