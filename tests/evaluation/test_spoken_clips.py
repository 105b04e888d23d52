from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clips
from tests.evaluation.conftest import tone
from xttslab.errors import UserError
from xttslab.evaluation.spoken_clips import RATE, SpokenClip, at_16k, real_clips


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


def test_held_out_clips_are_told_from_the_others(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, "set", ["greeting", "tension"])
    real = real_clips(clips)
    wanted = [clip.id for clip in clips if clip.split == "eval"]
    assert [clip.name for clip in real.held_out] == wanted
    assert len(real.all) == 10
    assert real.all[0].rate == RATE
    assert real.all[0].category == "greeting"


def test_a_category_that_nobody_named_does_not_count(tmp_path: Path) -> None:
    clip = replace(make_clips(tmp_path, "set", ["neutral"])[0], category_assumed=True)
    assert real_clips([clip]).all[0].category == ""


def test_of_many_held_out_clips_some_are_taken_evenly(tmp_path: Path) -> None:
    clips = [replace(clip, split="eval") for clip in make_clips(tmp_path, "set", "abc")]
    names = [clip.name for clip in real_clips(clips, 5).held_out]
    assert names == [f"set/{number:03d}" for number in (0, 3, 6, 9, 12)]


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, "set", ["neutral"])
    clips[0].audio.write_text("no sound")
    with pytest.raises(UserError, match=r"000\.wav: cannot be decoded"):
        real_clips(clips)
