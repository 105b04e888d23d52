"""Recordings become mono MP3 that sounds like them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xttslab.data.mp3 import mp3


@pytest.mark.parametrize("other", [0.0, 1.0, -1.0])
def test_a_stereo_file_becomes_small_mono_mp3_of_the_same_pitch(
    tmp_path: Path, other: float
) -> None:
    time = np.arange(24_000) / 24_000
    one = np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", 0.4 * np.stack([one, other * one], axis=1), 24_000)
    sound = mp3(tmp_path / "a.wav")
    wave, rate = soundfile.read(io.BytesIO(sound))
    assert (wave.ndim, rate) == (1, 24_000)
    assert len(sound) < 7_000  # 40 kbit/s
    assert np.abs(wave).max() == pytest.approx(0.2 if other == 0 else 0.4, rel=0.1)
    assert np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave) == pytest.approx(440, abs=3)


def test_what_is_no_audio_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    with pytest.raises(soundfile.LibsndfileError, match=r"a\.wav"):
        mp3(tmp_path / "a.wav")
