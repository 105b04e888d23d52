"""Melody is measured in semitones, and absent where nobody speaks."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.prosody import melody, pitch_track


def voice(start: float, end: float, seconds: float = 2.0) -> np.ndarray:
    """A buzz that glides from one pitch to another, in Hz."""
    hertz = np.linspace(start, end, int(seconds * SAMPLE_RATE))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    return (0.1 * sum(np.sin(n * phase) / n for n in range(1, 9))).astype(np.float32)


def test_a_steady_voice() -> None:
    pytest.importorskip("parselmouth")
    found = melody(voice(120.0, 120.0))
    assert found["pitch_hz"] == pytest.approx(120.0, rel=0.01)
    assert found["pitch_range_st"] == pytest.approx(0.0, abs=0.1)
    assert found["pitch_end_st"] == pytest.approx(0.0, abs=0.1)


def test_a_rising_voice_ends_above_its_median() -> None:
    pytest.importorskip("parselmouth")
    found = melody(voice(100.0, 200.0))
    assert found["pitch_hz"] == pytest.approx(150.0, rel=0.03)
    assert found["pitch_range_st"] == pytest.approx(12 * np.log2(190 / 110), rel=0.1)
    assert found["pitch_end_st"] == pytest.approx(12 * np.log2(190 / 150), rel=0.15)


@pytest.mark.parametrize("samples", [0, 100, SAMPLE_RATE])
def test_silence_has_no_melody(samples: int) -> None:
    assert melody(np.zeros(samples, np.float32)) == {}


def test_without_praat_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    assert len(pitch_track(voice(120.0, 120.0))) == 0
