"""Other systems' recordings find the sentences that they say, by their table or by their names."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.evaluation.conftest import tone
from xttslab.data.audio import write_audio
from xttslab.errors import UserError
from xttslab.evaluation.other_systems import read_systems, require_systems
from xttslab.evaluation.utterances import Utterance

TEXTS = {"greeting_01": "Jó estét!", "greeting_02": "Szép napot!", "short_01": "Nem."}
SAID = [
    Utterance(f"{name}_s{seed}", "sentences", name[:-3], name[:-3], text, seed)
    for name, text in TEXTS.items()
    for seed in (7, 8)
]


def folder(place: Path, names: list[str], table: str = "") -> Path:
    for name in names:
        place.mkdir(parents=True, exist_ok=True)
        write_audio(place / name, tone(0.5))
    if table:
        (place / "metadata.csv").write_text(table, encoding="utf-8")
    return place


def test_recordings_are_found_by_the_names_of_the_sentences(tmp_path: Path) -> None:
    names = ["greeting_01.wav", "greeting_01_s8.wav", "short_01.wav"]
    place = folder(tmp_path / "omnivoice", names)
    found = read_systems(require_systems([str(place)]), SAID, "hu")["omnivoice"]
    assert [(clip.name, clip.text, clip.seed) for clip in found] == [
        ("omnivoice_greeting_01.wav", "Jó estét!", 7),
        ("omnivoice_greeting_01_s8.wav", "Jó estét!", 8),
        ("omnivoice_short_01.wav", "Nem.", 7),
    ]
    assert found[0].category == "greeting"


def test_a_table_says_what_other_names_hold(tmp_path: Path, caplog) -> None:
    table = "audio_file|text\na.wav|jó  estét\nb.wav|Szép napot!\nc.wav|Valami más.\n"
    place = folder(tmp_path / "theirs", ["a.wav", "b.wav", "c.wav"], table)
    with caplog.at_level(logging.WARNING):
        found = read_systems({"theirs": place}, SAID, "hu")["theirs"]
    assert [(clip.name, clip.text) for clip in found] == [
        ("theirs_a.wav", "Jó estét!"),
        ("theirs_b.wav", "Szép napot!"),
    ]
    assert "theirs: 1 recordings say none of the evaluated sentences: left out" in caplog.text
    assert "theirs: 1 of 3 sentences are missing, 'Nem.' first" in caplog.text


def test_a_folder_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    place = folder(tmp_path / "theirs", ["x.wav", "y.wav"])
    with pytest.raises(UserError, match="none of its 2 recordings is of an evaluated sentence"):
        read_systems({"theirs": place}, SAID, "hu")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nincs"], "nincs: no such folder; correct others="),
        (["a/one", "b/one"], "there is a row named 'one' already; rename the folder"),
        (["codec"], "there is a row named 'codec' already"),
    ],
)
def test_folders_that_cannot_be_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/one", "b/one", "codec"):
        Path(name).mkdir(parents=True)
    with pytest.raises(UserError, match=message):
        require_systems(names)
