"""Noise, hum, bandwidth and foreign sound are measured relative to the speech."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing import spectrum
from xttslab.data.preparing.spectrum import NOTHING, frame_power, noise_measures
from xttslab.data.preparing.voice_activity import speech_probability


@pytest.fixture(scope="module")
def clip(spoken: list[np.ndarray]) -> np.ndarray:
    """Two sentences with half a second of silence around them."""
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    return np.concatenate([pause, spoken[5], pause, spoken[6], pause])


@pytest.fixture(scope="module")
def probability(clip: np.ndarray) -> np.ndarray:
    return speech_probability(clip)


def level(clip: np.ndarray, probability: np.ndarray) -> float:
    """RMS of the speech."""
    return float(np.sqrt(frame_power(clip, len(probability))[probability >= 0.5].mean()))


@pytest.mark.parametrize("snr", [5.0, 15.0, 30.0])
def test_noise_is_measured_to_a_decibel(
    clip: np.ndarray, probability: np.ndarray, snr: float
) -> None:
    noise = np.random.default_rng(0).standard_normal(len(clip)).astype(np.float32)
    noisy = clip + noise * np.float32(level(clip, probability) * 10 ** (-snr / 20))
    assert noise_measures(noisy, probability)["snr_db"] == pytest.approx(snr, abs=1.5)


def test_clean_speech_has_no_fault(clip: np.ndarray, probability: np.ndarray) -> None:
    measures = noise_measures(clip, probability)
    assert measures["snr_db"] > 35
    assert measures["hum_db"] == NOTHING
    assert measures["foreign_share"] < 0.1
    assert measures["bandwidth_hz"] > 8_000


@pytest.mark.parametrize("mains", [50.0, 60.0])
@pytest.mark.parametrize("hum", [-20.0, -30.0])
def test_hum_is_found_at_its_level(
    clip: np.ndarray, probability: np.ndarray, mains: float, hum: float
) -> None:
    time = np.arange(len(clip)) / SAMPLE_RATE
    lines = sum(np.sin(2 * np.pi * mains * n * time) / n for n in (1, 2, 3))
    lines *= level(clip, probability) * 10 ** (hum / 20) / np.sqrt(np.mean(lines**2))
    measures = noise_measures(clip + lines.astype(np.float32), probability)
    assert measures["hum_db"] == pytest.approx(hum, abs=3.0)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_a_recording_that_was_narrow_stays_narrow(
    clip: np.ndarray, probability: np.ndarray, rate: int
) -> None:
    narrow = soxr.resample(soxr.resample(clip, SAMPLE_RATE, rate), rate, SAMPLE_RATE)[: len(clip)]
    bandwidth = noise_measures(narrow, probability)["bandwidth_hz"]
    assert bandwidth == pytest.approx(rate / 2, rel=0.08)


def test_music_beside_the_speech_is_foreign(clip: np.ndarray) -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    chord = 0.1 * sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330))
    both = np.concatenate([clip, chord.astype(np.float32)])
    assert noise_measures(both, speech_probability(both))["foreign_share"] > 0.25


def test_a_clip_shorter_than_a_window_is_measured() -> None:
    short = 0.1 * np.random.default_rng(0).standard_normal(500).astype(np.float32)
    measures = noise_measures(short, speech_probability(short))
    assert all(np.isfinite(value) for value in measures.values())


@pytest.mark.parametrize("block", [1, 700, 705, 706, 100_000])
def test_power_has_the_same_bits_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    samples = np.random.default_rng(0).standard_normal(7_100).astype(np.float32)
    total = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    edges = np.minimum((np.arange(13) * 0.032 * SAMPLE_RATE).astype(int), len(samples))
    wanted = np.diff(total[edges]) / np.maximum(np.diff(edges), 1)
    monkeypatch.setattr(spectrum, "_BLOCK", block)
    assert np.array_equal(frame_power(samples, 12), wanted)
    assert frame_power(samples, 12)[-1] == 0.0  # behind the end
