"""Speech is found where it is, with Silero's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from tests.data.preparing.conftest import SPEECH
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing import voice_activity
from xttslab.data.preparing.voice_activity import (
    FRAME_SECONDS,
    SpeechFinder,
    detector_gain,
    speech_probability,
)


def test_equals_the_packages_streaming_model(spoken: list[np.ndarray]) -> None:
    silero = pytest.importorskip("silero_vad")
    import torch

    wave = soxr.resample(spoken[0], SAMPLE_RATE, 16_000, quality="HQ")
    wave = wave[: len(wave) // 512 * 512]
    model = silero.load_silero_vad(onnx=True)
    with torch.inference_mode():
        wanted = [float(model(torch.from_numpy(part), 16_000)) for part in wave.reshape(-1, 512)]
    found = speech_probability(wave, 16_000)
    assert np.abs(found - np.array(wanted)).max() < 1e-4


def test_noise_and_silence_are_not_speech(spoken: list[np.ndarray]) -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    assert speech_probability(noise).max() < 0.5
    assert speech_probability(np.zeros(SAMPLE_RATE, np.float32)).max() < 0.5
    assert speech_probability(np.zeros(0, np.float32)).shape == (0,)
    assert (speech_probability(spoken[0]) > 0.5).mean() > 0.5


def test_long_audio_is_the_same_in_one_or_many_calls(
    spoken: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = np.concatenate([spoken[0], np.zeros(SAMPLE_RATE, np.float32)] * 8)
    found = speech_probability(long)
    assert len(found) == int(np.ceil(len(long) / SAMPLE_RATE / FRAME_SECONDS))
    monkeypatch.setattr(voice_activity, "_BLOCK", 7)
    assert np.abs(speech_probability(long) - found).max() < 1e-5


def test_regions_follow_both_thresholds() -> None:
    finder = SpeechFinder(enter=0.5, leave=0.3, min_speech_s=0.06, min_pause_s=0.09)
    probability = np.array([0, 0.6, 0.4, 0.6, 0.1, 0.6, 0.2, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.9, 0.9])
    spans = [
        (round(a / FRAME_SECONDS), round(b / FRAME_SECONDS)) for a, b in finder.regions(probability)
    ]
    # The dip at 4 is shorter than a pause, the lone frame at 10 shorter than speech.
    assert spans == [(1, 6), (15, 17)]


def test_no_speech_has_no_regions() -> None:
    assert SPEECH.regions(np.zeros(100)) == []
    assert SPEECH.regions(np.zeros(0)) == []


@pytest.mark.parametrize("decibels", [-60.0, -40.0, 40.0, 90.0])
def test_speech_is_found_at_any_level(spoken: list[np.ndarray], decibels: float) -> None:
    clip = np.concatenate([spoken[0], np.zeros(SAMPLE_RATE, np.float32), spoken[1]])
    factor = np.float32(10 ** (decibels / 20))
    same = (speech_probability(factor * clip) >= 0.5) == (speech_probability(clip) >= 0.5)
    assert same.mean() > 0.97


def test_usual_levels_are_heard_as_they_are(spoken: list[np.ndarray]) -> None:
    for gain in (0.1, 1.0, 3.0):
        assert detector_gain([gain * spoken[0]]) == 1.0
    assert detector_gain([np.zeros(SAMPLE_RATE, np.float32)]) == 1.0
    assert detector_gain([np.zeros(0, np.float32)]) == detector_gain([]) == 1.0


def test_the_level_is_that_of_the_loudest_second_without_its_clicks() -> None:
    block = np.full(SAMPLE_RATE * 4, 1e-4, np.float32)  # -80 dBFS, raised to -25
    assert detector_gain([block]) == pytest.approx(10 ** (55 / 20), rel=1e-3)
    clicked = block.copy()
    clicked[:: SAMPLE_RATE // 2] = 0.9
    assert detector_gain([clicked]) == pytest.approx(10 ** (55 / 20), rel=1e-3)
    louder = 10 * block
    assert detector_gain([block, louder, block]) == pytest.approx(10 ** (35 / 20), rel=1e-3)
