"""The spoilt copies of a set are spoilt in the way they say, and held-out clips stay."""

from __future__ import annotations

from pathlib import Path

from experiments.verdicts.sets import one_fifth, shuffled
from tests.conftest import make_clips
from xttslab.data.manifest import read_folder


def by_split(folder: Path, split: str) -> dict[str, str]:
    clips, faults = read_folder(folder)
    assert not faults
    return {clip.audio.name: clip.text for clip in clips if clip.split == split}


def test_shuffled_texts_are_all_wrong_and_held_out_ones_right(tmp_path: Path) -> None:
    make_clips(tmp_path / "set", "set", ["greeting", "tension"])
    shuffled(tmp_path / "set", tmp_path / "shuffled")
    right, wrong = (by_split(tmp_path / name, "train") for name in ("set", "shuffled"))
    assert right.keys() == wrong.keys()
    assert not [name for name in right if right[name] == wrong[name]]
    assert sorted(right.values()) == sorted(wrong.values())
    assert by_split(tmp_path / "set", "eval") == by_split(tmp_path / "shuffled", "eval")


def test_a_fifth_keeps_every_fifth_training_clip(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "set", "set", ["greeting", "tension"], each=10)
    one_fifth(tmp_path / "set", tmp_path / "fifth")
    trained = [clip.audio.name for clip in clips if clip.split == "train"]
    assert list(by_split(tmp_path / "fifth", "train")) == trained[::5]
    assert by_split(tmp_path / "set", "eval") == by_split(tmp_path / "fifth", "eval")
