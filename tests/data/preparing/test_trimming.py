"""Silence goes, soft endings stay."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.preparing.conftest import SPEECH
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.trimming import Trimming, frame_rms
from xttslab.data.preparing.voice_activity import speech_probability

TRIM = Trimming(margin_s=0.1, reach_s=0.25, floor_db=-40.0)


def test_silence_is_cut_to_the_margin(spoken: list[np.ndarray]) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    clip = np.concatenate([silence, spoken[0], silence])
    alone = TRIM.bounds(spoken[0], SPEECH.regions(speech_probability(spoken[0])))
    padded = TRIM.bounds(clip, SPEECH.regions(speech_probability(clip)))
    assert alone is not None
    assert padded is not None
    assert padded[0] > 0.85 * SAMPLE_RATE
    assert padded[1] < len(clip) - 0.85 * SAMPLE_RATE
    assert padded[0] - SAMPLE_RATE <= alone[0] + 0.05 * SAMPLE_RATE


def noise_burst(start: float, end: float, level: float) -> np.ndarray:
    """Two seconds of near silence with a burst at 0.5 to 1.0 s, and a softer one."""
    random = np.random.default_rng(0)
    shape = np.full(2 * SAMPLE_RATE, 1e-5)
    shape[int(0.5 * SAMPLE_RATE) : SAMPLE_RATE] = 0.1
    shape[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = level
    return (shape * random.standard_normal(len(shape))).astype(np.float32)


@pytest.mark.parametrize(
    ("ending", "level", "wanted"),
    [
        (1.0, 0.01, 1.10),  # nothing follows: margin alone
        (1.2, 0.01, 1.30),  # a soft consonant after the detector let go
        (1.8, 0.01, 1.35),  # no further than the reach
        (1.2, 0.0003, 1.10),  # below the floor: silence
    ],
)
def test_a_soft_ending_is_followed(ending: float, level: float, wanted: float) -> None:
    clip = noise_burst(1.0, ending, level)
    bounds = TRIM.bounds(clip, [(0.5, 1.0)])
    assert bounds is not None
    assert bounds[0] / SAMPLE_RATE == pytest.approx(0.4, abs=0.03)
    assert bounds[1] / SAMPLE_RATE == pytest.approx(wanted, abs=0.03)


def test_no_speech_has_no_bounds_and_edges_hold() -> None:
    clip = noise_burst(1.0, 1.0, 0.0)
    assert TRIM.bounds(clip, []) is None
    assert TRIM.bounds(clip, [(0.0, 2.0)]) == (0, len(clip))


def test_frame_rms_of_a_constant() -> None:
    assert np.allclose(frame_rms(np.full(2_205, 0.5, np.float32)), 0.5)
    assert frame_rms(np.zeros(10, np.float32)).shape == (1,)
