"""A file that is there is found, however a row writes its name; a wrong one never is."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from xttslab.data.audio_names import AUDIO_SUFFIXES, Located, audio_files, locate_audio


def place(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def found(folder: Path, *names: str) -> list[str]:
    """Where each name leads, or its fault."""
    located = locate_audio(folder, names)
    return [one.fault or one.path.relative_to(folder).as_posix() for one in located]


@pytest.mark.parametrize("ending", [*AUDIO_SUFFIXES, ".WAV", ".Mp3"])
@pytest.mark.parametrize("name", ["u1", "wavs/u1", f"u1{'.wav'}"])
def test_an_id_is_found_with_every_ending(tmp_path: Path, ending: str, name: str) -> None:
    place(tmp_path, f"wavs/u1{ending}", f"wavs/u10{ending}", "wavs/u1.txt", "wavs/.u1.wav")
    assert found(tmp_path, name) == [f"wavs/u1{ending}"]


@pytest.mark.parametrize(
    "name",
    [
        "wavs\\Őr 1.ogg",
        ".\\wavs\\Őr 1.ogg",
        "C:\\Users\\Me\\set\\wavs\\Őr 1.ogg",
        "c:/Users/Me/set/wavs/Őr 1.ogg",
        "\\\\server\\share\\wavs\\Őr 1.ogg",
        "/home/me/set/wavs/Őr 1.ogg",
        "../set/wavs/Őr 1.ogg",
        "set/wavs/Őr 1",
        "WAVS/ŐR 1.OGG",
        "őr 1",
        "Őr 1.wav",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_path_of_another_system_or_place_is_found(tmp_path: Path, name: str, form: str) -> None:
    on_disk = unicodedata.normalize(form, "wavs/Őr 1.ogg")
    place(tmp_path, on_disk, "wavs/Őr 10.ogg")
    for written in ("NFC", "NFD"):
        assert found(tmp_path, unicodedata.normalize(written, name)) == [on_disk]


def test_a_name_that_fits_several_files_is_a_fault(tmp_path: Path) -> None:
    place(tmp_path, "a/01.wav", "b/01.wav", "b/02.wav")
    assert locate_audio(tmp_path, ["01"]) == [
        Located(tmp_path / "a/01.wav", "the name fits several files", "a/01.wav, b/01.wav")
    ]
    assert found(tmp_path, "/x/b/01.wav", "02") == ["b/01.wav", "b/02.wav"]


def test_the_nearest_file_and_the_first_format_win(tmp_path: Path) -> None:
    place(tmp_path, "raw/u1.mp3", "wavs/u1.ogg", "wavs/u1.flac", "wavs/U2.ogg", "wavs/u2.ogg")
    assert found(tmp_path, "u1", "U2", "u2", "raw/u1") == [
        "wavs/u1.flac",
        "wavs/U2.ogg",
        "wavs/u2.ogg",
        "raw/u1.mp3",
    ]


def test_a_folder_that_was_renamed_is_found_unless_other_rows_own_it(tmp_path: Path) -> None:
    place(tmp_path, "audio/01.wav", "audio/02.wav")
    assert found(tmp_path, "/data/wavs/01.wav", "/data/wavs/02.wav") == [
        "audio/01.wav",
        "audio/02.wav",
    ]
    place(tmp_path, "béla/03.wav")
    missing = "no such audio file"
    assert found(tmp_path, "béla/03.wav", "anna/03.wav") == ["béla/03.wav", missing]


@pytest.mark.posix
def test_what_is_not_there_names_the_place_that_was_tried(tmp_path: Path) -> None:
    place(tmp_path / "set", "wavs/u1.wav")
    place(tmp_path, "out.wav", "set.wav")
    (tmp_path / "set" / "loop.wav").symlink_to(tmp_path / "set" / "loop.wav")
    names = ["u2", "../out.wav", str(tmp_path / "out.wav"), "loop.wav", "../set"]
    tried = ["set/u2", "out.wav", "out.wav", "set/loop.wav", "set"]
    located = locate_audio(tmp_path / "set", names)
    assert [one.value for one in located] == [str(tmp_path / path) for path in tried]
    outside, missing = "the path leaves the folder", "no such audio file"
    assert [one.fault for one in located] == [missing, outside, outside, missing, missing]


def test_the_working_folder_is_a_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, "wavs/u1.ogg", "u2.wav")
    monkeypatch.chdir(tmp_path)
    names = ["u1", "u2.wav", "../x.wav"]
    located = [(one.path.as_posix(), one.fault) for one in locate_audio(Path("."), names)]
    assert located == [
        ("wavs/u1.ogg", ""),
        ("u2.wav", ""),
        ("../x.wav", "the path leaves the folder"),
    ]


def test_hidden_files_and_folders_are_no_recordings(tmp_path: Path) -> None:
    place(tmp_path, "b/2.WAV", "a.opus", ".git/x.wav", ".hid.wav", "a.txt")
    assert list(audio_files(tmp_path)) == [tmp_path / "a.opus", tmp_path / "b/2.WAV"]
