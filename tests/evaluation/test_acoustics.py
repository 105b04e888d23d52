import numpy as np

from tests.evaluation.conftest import silence, tone
from xttslab.evaluation.acoustics import (
    has_speech,
    levels,
    prediction_residual,
    quietest_cut,
    sounding_seconds,
    speech_frames,
)


def test_levels_are_rms_in_db_of_full_scale() -> None:
    time = np.arange(16_000) / 16_000
    sine = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    assert np.allclose(levels(sine)[5:-5], -3.01, atol=0.02)
    assert levels(np.zeros(0, np.float32)).shape == (0,)


def test_speech_frames_mark_sound_and_not_the_pause() -> None:
    audio = np.concatenate([tone(0.5), silence(0.5), tone(0.5)])
    frames = speech_frames(audio)
    assert len(frames) == 150
    assert frames[3:47].all()
    assert not frames[53:97].any()


def test_sounding_seconds_count_sound_after_a_moment() -> None:
    audio = np.concatenate([tone(1.0), silence(0.5), tone(0.3)])
    assert abs(sounding_seconds(audio, 1.1) - 0.3) <= 0.03
    assert sounding_seconds(audio, 2.0) == 0


def test_silence_hiss_below_60_db_and_nothing_hold_no_speech() -> None:
    hiss = (1e-4 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    assert not has_speech(silence(1))
    assert not has_speech(hiss)
    assert not has_speech(np.zeros(0, np.float32))
    assert has_speech(tone(0.2))


def test_the_quietest_cut_falls_into_the_pause() -> None:
    audio = np.concatenate([tone(2.0), silence(0.2), tone(1.0)])
    assert 2.0 <= quietest_cut(audio, after=16_000) / 16_000 <= 2.2


def test_the_residual_of_a_tone_is_small_and_a_click_stands_out() -> None:
    audio = tone(0.5)
    clean = np.abs(prediction_residual(audio))
    audio[4000] += 0.2
    broken = np.abs(prediction_residual(audio))
    assert len(broken) == len(audio)
    assert np.argmax(broken) == 4000
    assert broken[4000] > 5 * clean[3000:5000].max()
