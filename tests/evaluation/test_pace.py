"""Pace and melody: syllables without a text, and how far a set lies from the speaker's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from xttslab.evaluation.pace import (
    PACE,
    measure_pace,
    pace_columns,
    pace_features,
    score_pace,
)
from xttslab.evaluation.scales import ClipSet, draw_counts
from xttslab.evaluation.settings import ScaleRule

pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
RULE = ScaleRule(2.0, 0.4, "fixed", "real")


def chant(beats: int, seconds: float, pause: float = 0.0) -> np.ndarray:
    """So many syllables, each a buzz that swells and fades; a pause in the middle."""
    swell = np.hanning(round(seconds * 16_000)).astype(np.float32)
    one = tone(seconds)[: len(swell)] * (0.05 + 0.95 * swell)
    half = [one] * (beats // 2)
    return np.concatenate([*half, silence(pause), *[one] * (beats - beats // 2)])


def clip_set(count: int, mute: int = 0) -> ClipSet:
    names = tuple(str(n) for n in range(count))
    silent = np.arange(count) < mute
    return ClipSet(("",) * count, names, silent, draw_counts(names, 200, 7))


def test_syllables_and_pauses_are_counted() -> None:
    found = measure_pace(chant(10, 0.2, pause=0.5))
    assert found is not None
    assert found.rate == pytest.approx(5.0, rel=0.06)
    assert found.pauses == pytest.approx(0.5 / 2.5, abs=0.03)
    assert found.pitch_range == pytest.approx(0.0, abs=0.3)
    slower = measure_pace(chant(10, 0.26, pause=0.5))
    assert slower.rate == pytest.approx(found.rate / 1.3, rel=0.05)


def test_what_has_no_three_syllables_has_no_pace() -> None:
    assert measure_pace(silence(1.0)) is None
    assert measure_pace(tone(1.0)) is None
    columns = pace_columns([None, measure_pace(chant(6, 0.2))])
    assert np.isnan(pace_features(columns)[0]).all()
    assert list(columns) == [f"pace_{name}" for name in PACE]


@pytest.fixture(scope="module")
def speaker() -> np.ndarray:
    """24 clips of a speaker, (24, 5): the spread of broadcast speech."""
    middle, spread = [1.34, 0.18, 11.9, 30.0, 0.15], [0.14, 0.08, 2.9, 5.8, 0.5]
    return np.random.default_rng(3).normal(middle, spread, (24, 5))


def test_the_speaker_has_ten_and_slower_speech_less_and_less(speaker: np.ndarray) -> None:
    scores = []
    for stretch in (1.0, 1.1, 1.2, 1.3, 1.6):
        shifted = speaker[:12] - [np.log(stretch), 0, 0, 30 * (1 - 1 / stretch), 0]
        found, why = score_pace(shifted, speaker[12:], clip_set(12), RULE)
        assert why == ""
        scores.append(min(found.share, 1.0))
    assert scores[0] > 0.9
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.5 < scores[2]


def test_the_difference_is_said_in_words_and_numbers(speaker: np.ndarray) -> None:
    found, _ = score_pace(speaker - [np.log(1.28), 0, 3, 0, 0], speaker, clip_set(24), RULE)
    assert found.details["rate"] == pytest.approx(1 / 1.28)
    assert found.details["pitch_range"] == pytest.approx(-3)
    assert found.notes[0].startswith("22% slower than the speaker; pauses ")


def test_mute_clips_cost_and_too_few_are_said(speaker: np.ndarray) -> None:
    silent = speaker.copy()
    silent[:6] = np.nan
    whole, _ = score_pace(speaker, speaker, clip_set(24), RULE)
    found, _ = score_pace(silent, speaker, clip_set(24, mute=6), RULE)
    assert found.share == pytest.approx(0.75 * 1.25, abs=0.2)
    assert found.share < whole.share
    assert score_pace(speaker, speaker[:3], clip_set(24), RULE) == (
        None,
        "too few real clips with 3 syllables; 4 are needed",
    )
