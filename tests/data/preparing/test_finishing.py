"""Noise reduction is off unless asked for, and then its effect is measured."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.loudness import integrated_lufs, true_peak_db
from xttslab.data.preparing.finishing import (
    SILENCE,
    Denoising,
    Loudness,
)
from xttslab.errors import UserError


def test_off_returns_the_same_samples(spoken: list[np.ndarray]) -> None:
    assert Denoising(0.0).clean(spoken[0]) is spoken[0]
    assert Denoising(0.0).changes == []


def test_steady_noise_gets_less_and_both_numbers_are_kept(spoken: list[np.ndarray]) -> None:
    pytest.importorskip("noisereduce", reason="noisereduce is not installed")
    random = np.random.default_rng(0)
    pause = np.zeros(11_025, np.float32)
    clip = np.concatenate([pause, spoken[0], pause])
    noisy = clip + 0.005 * random.standard_normal(len(clip)).astype(np.float32)
    recipe = replace(RECIPE, denoising=Denoising(0.9))
    finished = recipe.finish(recipe.passage(noisy))
    assert finished.measures["snr_db"] > finished.measures["snr_before_db"] + 6
    assert ("noise reduced", "90%") in finished.changes
    assert finished.samples.dtype == np.float32
    plain = RECIPE.finish(RECIPE.passage(noisy))
    assert "snr_before_db" not in plain.measures


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noisereduce", None)
    with pytest.raises(UserError, match="pip install noisereduce"):
        Denoising(0.5).clean(np.zeros(100, np.float32))


def sine(level: float, seconds: float = 3.0, hertz: float = 997.0) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_a_full_scale_sine_has_minus_three_lufs() -> None:
    # BS.1770: a 0 dBFS 997 Hz sine in one channel reads -3.01 LKFS.
    assert integrated_lufs(sine(1.0)) == pytest.approx(-3.01, abs=0.15)
    assert integrated_lufs(sine(0.1)) == pytest.approx(-23.01, abs=0.15)


@pytest.mark.parametrize("samples", [0, 100, 2_000, 8_820, 8_821, 12_000])
def test_short_clips_have_a_loudness(samples: int) -> None:
    wanted = SILENCE if samples == 0 else -23.0
    assert integrated_lufs(sine(0.1)[:samples]) == pytest.approx(wanted, abs=2.5)


def test_silence_has_none_and_is_left_alone() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assert integrated_lufs(silence) == SILENCE
    assert true_peak_db(silence) == SILENCE
    assert Loudness(-23.0, -1.0).gain_db(integrated_lufs(silence), true_peak_db(silence)) == 0.0


def test_the_peak_between_samples_is_seen() -> None:
    # A sine at a quarter of the rate, 45° off its samples: they reach 0.707 of its peak.
    quarter = np.sin(np.pi / 2 * np.arange(SAMPLE_RATE) + np.pi / 4).astype(np.float32)
    assert 20 * np.log10(np.abs(quarter).max()) == pytest.approx(-3.01, abs=0.01)
    assert true_peak_db(quarter[2_000:-2_000]) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("level", [0.00005, 0.0003, 0.001, 0.03, 0.9])
def test_gain_reaches_the_target(level: float) -> None:
    clip = sine(level)
    gain = Loudness(-23.0, -1.0).gain_db(integrated_lufs(clip), true_peak_db(clip))
    assert integrated_lufs(clip * np.float32(10 ** (gain / 20))) == pytest.approx(-23.0, abs=0.1)


def test_a_clip_with_a_high_peak_stays_below_the_ceiling() -> None:
    clip = sine(0.01)
    clip[30_000] = 0.8
    gain = Loudness(-16.0, -1.0).gain_db(integrated_lufs(clip), true_peak_db(clip))
    assert true_peak_db(clip * np.float32(10 ** (gain / 20))) == pytest.approx(-1.0, abs=0.05)
    assert integrated_lufs(clip * np.float32(10 ** (gain / 20))) < -30.0


@pytest.mark.parametrize("quieter", [40.0, 55.0, 70.0])
def test_the_gate_does_not_depend_on_the_level_of_a_clip(
    spoken: list[np.ndarray], quieter: float
) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    clip = np.concatenate([silence, spoken[0], silence, spoken[1]])
    down = clip * np.float32(10 ** (-quieter / 20))
    assert integrated_lufs(down) == pytest.approx(integrated_lufs(clip) - quieter, abs=0.2)
