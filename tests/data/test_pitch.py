"""Pitch of tones to a fraction of a per cent, silence as 0, and pitch at any time."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.pitch import NO_PITCH, Pitch, pitch_measures, track_pitch
from xttslab.errors import UserError

RATE = 24_000


def tone(hertz: float, seconds: float) -> np.ndarray:
    turn = 2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE
    return (0.2 * sum(np.sin(k * turn) / k for k in range(1, 6))).astype(np.float32)


@pytest.mark.parametrize("hertz", [85.0, 210.0, 430.0])
def test_a_tone_has_its_pitch_and_silence_none(hertz: float) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    wave = np.concatenate([np.zeros(RATE // 2, np.float32), tone(hertz, 1.0)])
    pitch = track_pitch(wave, RATE)
    found = pitch.at(np.array([0.1, 0.3, 0.8, 1.0, 1.2, 9.0]))
    assert not found[[0, 1, 5]].any()
    np.testing.assert_allclose(found[2:5], hertz, rtol=0.005)


def test_pitch_between_steps_is_between_and_unvoiced_is_zero() -> None:
    pitch = Pitch(np.array([0.1, 0.105, 0.11, 0.115]), np.array([100.0, 110.0, 0.0, 120.0]))
    np.testing.assert_allclose(
        pitch.at(np.array([0.0, 0.1, 0.102, 0.11, 0.115, 0.2])), [0, 100, 104, 0, 120, 0], atol=1e-3
    )
    assert not NO_PITCH.at(np.arange(3.0)).any()


def test_too_short_a_recording_has_no_pitch() -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    assert len(track_pitch(np.zeros(100, np.float32), RATE).hertz) == 0


def test_step_and_range_can_be_chosen() -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    wave = tone(210.0, 1.0)
    coarse = track_pitch(wave, RATE, step_s=0.01, refine=False)
    np.testing.assert_allclose(np.diff(coarse.seconds), 0.01)
    np.testing.assert_allclose(coarse.at(np.array([0.3, 0.704])), 210.0, rtol=0.005)
    assert not (track_pitch(wave, RATE, highest=150.0).hertz > 150.0).any()


def test_without_praat_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    with pytest.raises(UserError, match="pip install praat-parselmouth"):
        track_pitch(np.zeros(9000, np.float32), RATE)


def voice(start: float, end: float, seconds: float = 2.0) -> np.ndarray:
    """A buzz that glides from one pitch to another, in Hz."""
    hertz = np.linspace(start, end, int(seconds * SAMPLE_RATE))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    return (0.1 * sum(np.sin(n * phase) / n for n in range(1, 9))).astype(np.float32)


def test_a_steady_voice() -> None:
    pytest.importorskip("parselmouth")
    found = pitch_measures(voice(120.0, 120.0))
    assert found["pitch_hz"] == pytest.approx(120.0, rel=0.01)
    assert found["pitch_range_st"] == pytest.approx(0.0, abs=0.1)
    assert found["pitch_end_st"] == pytest.approx(0.0, abs=0.1)


def test_a_rising_voice_ends_above_its_median() -> None:
    pytest.importorskip("parselmouth")
    found = pitch_measures(voice(100.0, 200.0))
    assert found["pitch_hz"] == pytest.approx(150.0, rel=0.03)
    assert found["pitch_range_st"] == pytest.approx(12 * np.log2(190 / 110), rel=0.1)
    assert found["pitch_end_st"] == pytest.approx(12 * np.log2(190 / 150), rel=0.15)


@pytest.mark.parametrize("samples", [0, 100, SAMPLE_RATE])
def test_silence_has_no_pitch_measures(samples: int) -> None:
    assert pitch_measures(np.zeros(samples, np.float32)) == {}


def test_without_praat_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    assert pitch_measures(voice(120.0, 120.0)) == {}
