"""Pieces become one recording: pauses as asked, levels alike, no silence left over, no clicks."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.speaking.joining import LARGEST_GAIN_DB, MARGIN_S, join, speech_frames

RATE = 24_000


def tone(seconds: float, level: float, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    edges = (np.zeros(int(part * RATE), np.float32) for part in (before, after))
    first, last = edges
    wave = (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    return np.concatenate([first, wave, last])


def test_silence_at_the_ends_is_replaced_by_the_pause() -> None:
    joined = join([tone(1, 0.2, 0.5, 0.9), tone(0.5, 0.2)], [0.3, 0.0], RATE)
    heard = np.flatnonzero(speech_frames(joined, RATE))
    gaps = np.diff(heard)
    assert len(joined) / RATE == pytest.approx(1.8 + MARGIN_S, abs=0.02)
    assert gaps.max() * 0.01 == pytest.approx(0.3, abs=0.011)


@pytest.mark.parametrize("pause", [0.0, 0.03, 0.1, 0.5])
def test_a_pause_lasts_from_the_last_sound_to_the_next(pause: float) -> None:
    waves = [tone(0.5, 0.2, 0.2, 0.3), tone(0.5, 0.2, 0.3, 0.2), np.zeros(99, np.float32)]
    joined = join(waves, [pause, 0.2, 0.5], RATE)
    assert len(joined) / RATE == pytest.approx(1.0 + pause + 0.7, abs=0.045)
    heard = np.flatnonzero(np.abs(joined) > 0.01) / RATE
    assert np.diff(heard).max() == pytest.approx(max(pause, 0.001), abs=0.015)
    assert heard[-1] == pytest.approx(len(joined) / RATE - 0.7, abs=0.02)


def test_levels_are_brought_together_within_the_limit() -> None:
    waves = [tone(1, 0.1), tone(1, 0.2), tone(1, 0.14)]
    joined = join(waves, [0.2] * 3, RATE)
    peaks = [np.abs(joined[start : start + RATE // 2]).max() for start in (6000, 34800, 63600)]
    assert max(peaks) / min(peaks) == pytest.approx(1.0, abs=0.05)
    far = join([tone(1, 0.01), tone(1, 0.2), tone(1, 0.2)], [0.0] * 3, RATE)
    assert np.abs(far[6000:18000]).max() == pytest.approx(
        0.01 * 10 ** (LARGEST_GAIN_DB / 20), rel=0.05
    )


def test_no_jump_where_pieces_meet_and_no_clipping() -> None:
    joined = join([tone(0.5, 0.9), tone(0.5, 0.5)], [0.0, 0.0], RATE)
    assert np.abs(joined).max() <= 0.98 + 1e-6
    assert np.abs(np.diff(joined)).max() < 0.1


def test_a_silent_piece_is_nothing_but_its_pause() -> None:
    joined = join([np.zeros(RATE, np.float32)], [0.25], RATE)
    assert len(joined) == RATE // 4
    assert not joined.any()
