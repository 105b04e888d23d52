"""Silence goes, soft endings stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE, SPEECH, shared
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.preparing import clips
from xttslab.data.preparing.clips import Unusable
from xttslab.data.preparing.trimming import Trimming, frame_rms
from xttslab.data.preparing.voice_activity import FRAME_SECONDS, speech_probability

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


def test_a_word_that_the_detector_misses_stays_where_a_person_set_the_ends(
    monkeypatch: pytest.MonkeyPatch, spoken: list[np.ndarray]
) -> None:
    clip = spoken[0]
    seconds = len(clip) / SAMPLE_RATE
    missed = np.zeros(int(np.ceil(seconds / FRAME_SECONDS)), np.float32)
    missed[10:20] = 1.0  # 0.32 s of the whole
    monkeypatch.setattr(clips, "speech_probability", lambda samples: missed)
    passage = RECIPE.passage(clip)
    assert RECIPE.finish(passage).measures["seconds"] == pytest.approx(seconds, abs=0.25)
    with pytest.raises(Unusable, match="shorter"):
        replace(RECIPE, min_seconds=2.0).finish(replace(passage, whole=False))


def test_clicks_noise_and_soft_sounds_around_a_clip_still_go() -> None:
    clip = noise_burst(1.3, 1.8, 0.005)  # 26 dB below
    clip[int(0.1 * SAMPLE_RATE) : int(0.12 * SAMPLE_RATE)] = 0.5  # a click
    assert TRIM.bounds(clip, [(0.5, 1.0)], whole=True) == TRIM.bounds(clip, [(0.5, 1.0)])
    noisy = noise_burst(1.0, 1.0, 0.1) + 0.03 * np.random.default_rng(1).standard_normal(len(clip))
    bounds = TRIM.bounds(noisy.astype(np.float32), [(0.5, 1.0)], whole=True)
    assert bounds is not None
    assert (bounds[0] / SAMPLE_RATE, bounds[1] / SAMPLE_RATE) == pytest.approx((0.4, 1.1), abs=0.04)


def test_the_first_word_of_a_real_clip_is_not_lost() -> None:
    """ "alkotni. Jó? Adásban soha! …": the detector begins at "Jó", 1.6 s in."""
    clip = read_audio(shared("broadcast_hu") / "interview" / "talk_05.flac")
    passage = RECIPE.passage(clip)
    assert passage.regions[0][0] > 1.5
    assert RECIPE.finish(passage).measures["seconds"] == pytest.approx(8.69, abs=0.05)
