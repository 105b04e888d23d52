"""The same recording is found again, within a set and across sets; two readings are not one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.data.preparing.conftest import shared
from xttslab.data.audio import SAMPLE_RATE, content_hash, read_audio, write_audio
from xttslab.data.copies import copies_across_sets, peaks, same_audio
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.preparing.sources import ASSETS

LEAST = 5.0
WORD_IN_COMMON = ("blikk_neutral_001", "blikk_neutral_137")


@pytest.fixture(scope="module")
def spoken() -> list[np.ndarray]:
    """Twenty packaged clips of one voice, (n,) samples each, about 3 s."""
    paths = sorted((ASSETS / "demo_milliomos").rglob("*.ogg"))[::4]
    return [read_audio(path) for path in paths]


def worse(clip: np.ndarray, kind: str) -> np.ndarray:
    noise = np.random.default_rng(len(clip)).standard_normal(len(clip)).astype(np.float32)
    level = np.float32(np.sqrt(np.mean(clip**2)))
    return {
        "quieter": 0.3 * clip,
        "noisier": clip + 0.1 * level * noise,
        "cut elsewhere": clip[2_342:-3_000],
        "narrower": soxr.resample(soxr.resample(clip, SAMPLE_RATE, 12_000), 12_000, SAMPLE_RATE),
        "first half": clip[: len(clip) // 2],
        "second half": clip[len(clip) // 2 :],
        "all at once": 0.4 * (clip + 0.06 * level * noise)[2_342:-3_000],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "quieter",
        "noisier",
        "cut elsewhere",
        "narrower",
        "first half",
        "second half",
        "all at once",
    ],
)
def test_a_copy_is_found(spoken: list[np.ndarray], kind: str) -> None:
    prints = [peaks(clip) for clip in spoken[:10]]
    pairs = same_audio([*prints, *(peaks(worse(clip, kind)) for clip in spoken[:10])], LEAST)
    assert [(pair.first, pair.second) for pair in pairs] == [(n, n + 10) for n in range(10)]
    assert all(pair.share <= 1.0 for pair in pairs)


def test_a_short_word_in_common_is_no_copy() -> None:
    folder = ASSETS / "demo_blikk"
    clips = [read_audio(next(folder.rglob(f"{name}.ogg"))) for name in WORD_IN_COMMON]
    parts = [
        clip[len(clip) * n // 3 :][: len(clip) // 3] for clip, n in zip(clips, (2, 1), strict=True)
    ]
    prints = [peaks(part) for part in (*parts, *(worse(part, "quieter") for part in parts))]
    assert [(p.first, p.second) for p in same_audio(prints, LEAST)] == [(0, 2), (1, 3)]


def test_different_clips_of_one_voice_are_different(spoken: list[np.ndarray]) -> None:
    assert same_audio([peaks(clip) for clip in spoken], LEAST / 2) == []


def test_every_pair_of_a_group_of_copies_is_found(spoken: list[np.ndarray]) -> None:
    one = peaks(spoken[0])
    pairs = same_audio([one] * 30, LEAST)
    assert len(pairs) == 30 * 29 / 2


def test_the_same_sentences_by_two_systems_are_different() -> None:
    prints = [
        peaks(read_audio(path))
        for name in ("hungarian_dctts", "hungarian_tacotron")
        for path in sorted((shared(name) / "wavs").iterdir())
    ]
    assert same_audio(prints, LEAST) == []


def test_silence_and_nothing_have_no_pairs() -> None:
    silence = peaks(np.zeros(SAMPLE_RATE, np.float32))
    assert len(silence) == 0
    assert same_audio([silence, silence], LEAST) == []
    assert same_audio([], LEAST) == []


def file(path: Path, wave: np.ndarray, text: str, split: str) -> tuple[Clip, str, float]:
    """A clip of the set that its folder's folder is named after."""
    write_audio(path, wave)
    clip = Clip(path, text, "s", split=split, source=path.parents[1].name)
    return clip, content_hash(path), len(wave) / SAMPLE_RATE


def test_what_another_set_holds_out_or_trains_on_is_left_out(
    spoken: list[np.ndarray], tmp_path: Path
) -> None:
    quiz, talks = tmp_path / "quiz/wavs", tmp_path / "talks/wavs"
    files = [
        file(quiz / "a.wav", spoken[0], "Egy.", "train"),
        file(quiz / "b.wav", spoken[1], "Kettő.", "eval"),
        file(quiz / "c.wav", spoken[2], "Három.", "train"),
        file(quiz / "d.wav", spoken[3], "Négy.", "eval"),
        file(quiz / "e.wav", spoken[4], "Kettő.", "train"),  # of the same set: its own matter
        file(talks / "k.wav", 0.5 * spoken[0][3_000:], "Egy, kettő.", "eval"),
        file(talks / "l.wav", spoken[1][: len(spoken[1]) // 2], "Ket", "train"),
        file(talks / "m.wav", 0.5 * spoken[2][3_000:], "Három!", "train"),
        file(talks / "n.wav", spoken[3], "Négy.", "eval"),  # both held out: both stay
        file(talks / "o.wav", spoken[5], "„Négy”", "train"),
        file(talks / "p.wav", spoken[6], "Hat.", "train"),
    ]
    left_out = copies_across_sets(files, LEAST)
    found = {Path(row.audio_file).stem: (row.reason, row.value) for row in left_out.values()}
    sound, sentence = (f"another set holds this {what} out" for what in ("recording", "sentence"))
    assert {name: (reason, value.split()[0]) for name, (reason, value) in found.items()} == {
        "a": (sound, "talks/k"),
        "l": (sound, "quiz/b"),
        "m": ("another set trains on this recording", "quiz/c"),
        "o": (sentence, "quiz/d"),
    }
    assert found["l"][1].endswith("% of the landmarks)")
    assert copies_across_sets(files[:5], LEAST) == {}


def test_every_pair_of_the_case_is_found() -> None:
    folder = shared("../cases/copies_in_two_sets")
    clips = [clip for name in ("copy_a", "copy_b") for clip in read_folder(folder / name)[0]]
    pairs = same_audio([peaks(read_audio(clip.audio)) for clip in clips], LEAST)
    texts = [{clips[pair.first].text, clips[pair.second].text} for pair in pairs]
    assert [len(both) for both in texts] == [1] * 12
    assert all(pair.first < 12 <= pair.second for pair in pairs)
