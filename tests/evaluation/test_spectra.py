import numpy as np

from tests.evaluation.conftest import tone
from xttslab.evaluation.spectra import log_mel, spectral_jumps


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
