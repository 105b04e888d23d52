"""Speech gets the loudness that is asked for, and its peaks stay under the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.data.loudness import SILENCE, integrated_lufs, require_target, to_lufs, true_peak_db
from xttslab.errors import UserError

RATE = 24_000


def speech(seconds: float = 2.0, spike: float = 0.0) -> np.ndarray:
    """A buzz with four swells a second, and one loud sample."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = 0.05 * np.sign(np.sin(2 * np.pi * 150 * time)) * np.sin(np.pi * 4 * time) ** 2
    wave[len(wave) // 2] += spike
    return wave.astype(np.float32)


@pytest.mark.parametrize("spike", [0.0, 0.2])
@pytest.mark.parametrize("target", [-30.0, -16.0])
def test_the_target_is_met_under_the_ceiling(target: float, spike: float) -> None:
    found = to_lufs(speech(spike=spike), RATE, target, -1.0)
    assert integrated_lufs(found, RATE) == pytest.approx(target, abs=0.1)
    assert true_peak_db(found, RATE) <= -1.0 + 1e-3
    assert found.dtype == np.float32


def test_what_would_be_crushed_stays_quieter() -> None:
    found = to_lufs(speech(spike=0.9), RATE, -12.0, -1.0)
    assert integrated_lufs(found, RATE) == pytest.approx(-22.1, abs=0.5)  # 9 dB limited
    assert true_peak_db(found, RATE) <= -1.0 + 1e-3


def test_short_speech_and_silence() -> None:
    assert integrated_lufs(to_lufs(speech(0.25), RATE, -20.0, -1.0), RATE) == pytest.approx(
        -20.0, abs=0.1
    )
    silence = np.zeros(RATE, np.float32)
    assert not to_lufs(silence, RATE, -20.0, -1.0).any()
    assert integrated_lufs(silence, RATE) == SILENCE


@pytest.mark.parametrize(
    ("lufs", "ceiling", "message"),
    [
        (-3.0, -1.0, "lufs=-3.0: give -40 to -6; podcasts"),
        (None, 3.0, "true_peak=3.0: give -20 to 0"),
    ],
)
def test_a_target_that_cannot_be_is_refused(lufs: float, ceiling: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        require_target(lufs, ceiling)
