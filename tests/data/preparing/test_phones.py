from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import demo_sounds
from xttslab.data.preparing import phones
from xttslab.data.preparing.phones import (
    SOUND_HZ,
    learn_phones,
    observations,
    phones_of,
    save_phones,
    sound_frames,
)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Szép 3 nap!", "hu", [["s", "eː", "p"], ["h", "aː", "r", "o", "m"], ["n", "ɒ", "p"]]),
        ("Wax, é 2 …", "en", [["v", "aː", "k"], ["ɛ"]]),
        ("…", "hu", []),
    ],
)
def test_phones_are_those_that_are_spoken(text: str, language: str, found: list[list[str]]) -> None:
    assert [phones for _, phones in phones_of(text, language)] == found


def test_frames_hold_the_sound_and_who_speaks() -> None:
    wave = np.random.default_rng(0).standard_normal(22_050).astype(np.float32)
    frames = sound_frames(wave, 22_050, np.arange(31) > 15)
    assert frames.shape == (48, 14)
    assert frames.dtype == np.float16
    assert frames[:, -1].tolist() == [0.0] * 25 + [1.0] * 23
    assert np.allclose(observations(frames)[:, :13].mean(axis=0), 0, atol=1e-3)
    assert len(sound_frames(wave[:600], 22_050, np.ones(1, bool))) == 0


@pytest.mark.parametrize("start", [True, False])
def test_two_joined_clips_are_divided_where_the_first_text_ends(start: bool) -> None:
    sounds = demo_sounds()
    known = [(sound, [p for _, p in phones_of(text, "hu")]) for text, sound in sounds]
    names = {phone for _, words in known for word in words for phone in word}
    models = learn_phones(known, names, start)
    off = []
    for (one, said), (two, after) in zip(known[::2], known[1::2], strict=True):
        both = np.concatenate([one, two])
        path = models.align(observations(both), models.chain([*said, *after]))
        chain = models.chain(said)
        assert path is not None
        assert np.all(np.diff(path) >= 0)
        last = np.flatnonzero(path < chain.ends[-1])[-1]
        silent = len(one) - 1 - np.flatnonzero(one[:, -1] > 0.5)[-1]
        off.append(abs(last - (len(one) - silent)) / SOUND_HZ)
    assert np.median(off) < 0.1
    assert np.mean(np.array(off) < 0.25) > 0.8


def test_a_text_with_more_states_than_frames_is_not_aligned() -> None:
    (text, sound), *_ = demo_sounds()
    words = [phones for _, phones in phones_of(text, "hu")]
    models = learn_phones([(sound, words)], {p for word in words for p in word})
    assert models.align(observations(sound[:20]), models.chain(words)) is None


def test_saved_phones_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text, sound), *_ = demo_sounds()
    words = [p for _, p in phones_of(text, "hu")]
    models = learn_phones([(sound, words)], {p for word in words for p in word}, start=False)
    save_phones(models, tmp_path / "phones.npz")
    monkeypatch.setattr(phones, "START", tmp_path / "phones.npz")
    phones._packaged.cache_clear()
    again = phones._packaged()
    phones._packaged.cache_clear()
    assert again is not None
    assert again.phones == models.phones
    assert np.allclose(again.means, models.means, atol=1e-4)
