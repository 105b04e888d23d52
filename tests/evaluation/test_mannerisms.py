"""Held sounds, hit first syllables, pitch that shifts in a word: beside the speaker's own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from tests.evaluation.test_pace import chant
from xttslab.evaluation.mannerisms import (
    MANNERISMS,
    find_mannerisms,
    mannerism_columns,
    told_mannerisms,
)
from xttslab.evaluation.scales import draw_counts

pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")


def test_a_held_sound_and_a_hit_first_syllable_are_measured() -> None:
    even = chant(8, 0.2)
    hit = even.copy()
    hit[: round(0.2 * 16_000)] *= 2.0
    held = np.concatenate([even, tone(1.5)])
    usual, hard, long = (find_mannerisms(audio) for audio in (even, hit, held))
    assert hard.first_syllable_db - usual.first_syllable_db == pytest.approx(6.0, abs=0.5)
    assert long.held > usual.held + 0.15
    assert usual.pitch_shifts == pytest.approx(0.0, abs=0.02)
    assert find_mannerisms(silence(1.0)) is None


def test_pitch_that_glides_inside_a_word_is_measured() -> None:
    time = np.arange(16_000) / 16_000
    hertz = 120 * 2 ** (0.5 * np.sin(2 * np.pi * 3 * time))  # up to 113 semitones a second
    phase = 2 * np.pi * np.cumsum(hertz) / 16_000
    glide = sum(np.cos(n * phase) / n for n in range(1, 15)).astype(np.float32) * 0.1
    assert find_mannerisms(glide).pitch_shifts > 0.4


def columns(shifts: float, count: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    middle = {"pitch_shifts": shifts, "first_syllable_db": 2.0, "held": 0.2}
    return {name: random.normal(middle[name], 0.05, count) for name in MANNERISMS}


def test_only_what_the_speaker_lacks_is_told() -> None:
    counts = draw_counts([str(n) for n in range(10)], 300, 7)
    found = told_mannerisms(columns(0.25, 10, 1), columns(0.12, 20, 2), counts, 0.95)
    assert list(found) == ["pitch_shifts"]
    over, mean, words = found["pitch_shifts"]
    assert 0.05 < over.low < over.value < over.high < 0.2
    assert mean == pytest.approx(0.25, abs=0.05)
    assert words.startswith("the pitch shifts inside words in 2")
    assert told_mannerisms(columns(0.25, 10, 1), columns(0.12, 3, 2), counts, 0.95) == {}
    assert np.isnan(mannerism_columns([None])["held"]).all()
