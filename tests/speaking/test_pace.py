"""Syllables counted by ear alone, and how far speech is stretched to have as many."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.speaking.pace import FASTEST, SLOWEST, speed_for, syllable_rate

RATE = 24_000


def babble(syllables: int, seconds: float, rate: int = RATE, margin: float = 0.0) -> np.ndarray:
    """A buzz that swells and fades once a syllable, silence of `margin` seconds around it."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = np.sign(np.sin(2 * np.pi * 140 * time))
    swell = np.sin(np.pi * syllables * time / seconds) ** 2
    around = np.zeros(int(margin * rate))
    return np.concatenate([around, 0.1 * buzz * swell, around]).astype(np.float32)


@pytest.mark.parametrize(("syllables", "seconds"), [(6, 2.0), (20, 4.0), (27, 4.0)])
def test_syllables_are_counted_whatever_the_rate_and_the_silence_around(
    syllables: int, seconds: float
) -> None:
    for rate in (22_050, 24_000):
        wave = babble(syllables, seconds, rate, margin=0.5)
        assert syllable_rate([wave], rate) == pytest.approx(syllables / seconds, rel=0.1)


def test_several_recordings_count_as_one_long_one() -> None:
    slow, fast = babble(6, 2.0), babble(24, 4.0)
    assert syllable_rate([slow, fast], RATE) == pytest.approx(5.0, rel=0.1)


def test_without_a_syllable_there_is_no_rate_and_nothing_is_stretched() -> None:
    silence = np.zeros(RATE, np.float32)
    for waves in ([], [silence], [silence[:100]]):
        assert syllable_rate(waves, RATE) is None
        assert speed_for(5.0, waves, RATE) == 1.0


def test_stretching_brings_the_wanted_pace_within_what_sounds_well() -> None:
    wave = babble(16, 4.0)
    assert speed_for(5.0, [wave], RATE) == pytest.approx(1.25, rel=0.1)
    assert speed_for(40.0, [wave], RATE) == FASTEST
    assert speed_for(0.4, [wave], RATE) == SLOWEST
