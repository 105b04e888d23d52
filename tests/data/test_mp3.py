"""Recordings become mono MP3 that sounds like them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xttslab.data.mp3 import mp3


def test_a_stereo_file_becomes_small_mono_mp3_of_the_same_pitch(tmp_path: Path) -> None:
    time = np.arange(24_000) / 24_000
    both = np.stack([np.sin(2 * np.pi * 440 * time), np.zeros(24_000)], axis=1)
    soundfile.write(tmp_path / "a.wav", 0.4 * both, 24_000)
    sound = mp3(tmp_path / "a.wav")
    wave, rate = soundfile.read(io.BytesIO(sound))
    assert (wave.ndim, rate) == (1, 24_000)
    assert len(sound) < 7_000  # 40 kbit/s
    assert np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave) == pytest.approx(440, abs=3)


def test_what_is_no_audio_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    with pytest.raises(soundfile.LibsndfileError, match=r"a\.wav"):
        mp3(tmp_path / "a.wav")
