"""The same recording is found again; two readings of the same text are not the same recording."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from tests.data.preparing.conftest import shared
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.preparing.fingerprints import peaks, same_audio

SHARE = 0.04


def worse(clip: np.ndarray, kind: str) -> np.ndarray:
    noise = np.random.default_rng(len(clip)).standard_normal(len(clip)).astype(np.float32)
    level = np.float32(np.sqrt(np.mean(clip**2)))
    return {
        "quieter": 0.3 * clip,
        "noisier": clip + 0.1 * level * noise,
        "cut elsewhere": clip[2_342:-3_000],
        "narrower": soxr.resample(soxr.resample(clip, SAMPLE_RATE, 12_000), 12_000, SAMPLE_RATE),
        "all at once": 0.4 * (clip + 0.06 * level * noise)[2_342:-3_000],
    }[kind]


@pytest.mark.parametrize("kind", ["quieter", "noisier", "cut elsewhere", "narrower", "all at once"])
def test_a_copy_is_found(spoken: list[np.ndarray], kind: str) -> None:
    prints = [peaks(clip) for clip in spoken[:10]]
    pairs = same_audio([*prints, *(peaks(worse(clip, kind)) for clip in spoken[:10])], SHARE)
    assert [(pair.first, pair.second) for pair in pairs] == [(n, n + 10) for n in range(10)]
    assert all(pair.share <= 1.0 for pair in pairs)


def test_different_clips_of_one_voice_are_different(spoken: list[np.ndarray]) -> None:
    assert same_audio([peaks(clip) for clip in spoken], SHARE / 2) == []


def test_a_group_of_copies_is_connected(spoken: list[np.ndarray]) -> None:
    one = peaks(spoken[0])
    pairs = same_audio([one] * 30, SHARE)
    joined = {0}
    for pair in pairs:
        if pair.first in joined:
            joined.add(pair.second)
    assert joined == set(range(30))


def test_the_same_sentences_by_two_systems_are_different() -> None:
    prints = [
        peaks(read_audio(path))
        for name in ("hungarian_dctts", "hungarian_tacotron")
        for path in sorted((shared(name) / "wavs").iterdir())
    ]
    assert same_audio(prints, SHARE) == []


def test_silence_and_nothing_have_no_pairs() -> None:
    silence = peaks(np.zeros(SAMPLE_RATE, np.float32))
    assert len(silence) == 0
    assert same_audio([silence, silence], SHARE) == []
    assert same_audio([], SHARE) == []
