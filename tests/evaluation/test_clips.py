import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.errors import UserError
from xttslab.evaluation.clips import SpokenClip, at_16k


def test_resampling_keeps_length_in_seconds_and_pitch() -> None:
    time = np.arange(24_000) / 24_000
    clip = SpokenClip("a", np.sin(2 * np.pi * 440 * time).astype(np.float32), 24_000)
    audio = at_16k(clip)
    assert (clip.seconds, len(audio), audio.dtype) == (1.0, 16_000, np.float32)
    assert np.argmax(np.abs(np.fft.rfft(audio))) == 440


def test_audio_at_16_khz_is_left_alone() -> None:
    audio = tone(0.1)
    assert at_16k(SpokenClip("a", audio, 16_000)) is audio


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros((2, 9), np.float32), 16_000, "x.wav: audio of shape (2, 9); give mono samples"),
        (np.zeros(9, np.float32), 0, "x.wav: a sample rate of 0 Hz"),
        (np.array([0, np.nan], np.float32), 16_000, "x.wav: 1 samples are NaN or infinite"),
    ],
)
def test_unusable_audio_is_refused(audio: np.ndarray, rate: int, message: str) -> None:
    with pytest.raises(UserError) as fault:
        SpokenClip("x.wav", audio, rate)
    assert message in str(fault.value)
