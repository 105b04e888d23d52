import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import demo
from xttslab.data.datasheet import read_sheet
from xttslab.data.hungarian import spell_out_checked
from xttslab.data.manifest import EVAL, Clip, read_folder
from xttslab.errors import UserError

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
    return {name: demo.lay_out(name, folder / name) for name in demo.names()}


@pytest.fixture(scope="module")
def clips(laid_out: dict[str, Path]) -> dict[str, list[Clip]]:
    sets = {}
    for name, folder in laid_out.items():
        sets[name], rejected = read_folder(folder)
        assert rejected == []
    return sets


def test_both_sets_are_packaged() -> None:
    assert demo.names() == ["demo_blikk", "demo_milliomos"]


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
