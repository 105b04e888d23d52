import numpy as np

from tests.evaluation.conftest import silence, tone
from xttslab.evaluation.signal import (
    has_speech,
    levels,
    log_mel,
    prediction_residual,
    quietest_cut,
    sounding_seconds,
    spectral_jumps,
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


def test_log_mel_has_40_bands_and_a_floor_50_db_down() -> None:
    mel = log_mel(tone(0.5), hop=160, window=400)
    assert mel.shape == (40, 51)
    assert mel.min() >= -50
    assert abs(np.percentile(mel.max(axis=0), 95)) < 1e-6


def chord(seconds: float, *hertz: float) -> np.ndarray:
    time = np.arange(round(seconds * 16_000)) / 16_000
    return sum(0.1 * np.sin(2 * np.pi * f * time) for f in hertz).astype(np.float32)


def test_one_jump_between_two_steady_sounds_is_found_and_a_slow_change_is_not() -> None:
    first, second = chord(0.4, 500, 1500, 3000), chord(0.4, 900, 2400, 5000)
    fade = np.linspace(0, 1, len(first))
    assert spectral_jumps(np.concatenate([first, first])) == 0
    assert spectral_jumps(np.concatenate([first, second])) == 1
    assert spectral_jumps((first * (1 - fade) + second * fade).astype(np.float32)) == 0


def test_a_recording_shorter_than_two_blocks_has_no_jump() -> None:
    assert spectral_jumps(tone(0.01)) == 0
