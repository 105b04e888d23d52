"""The real recordings of a data set, as the measures take them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import make_clips
from xttslab.errors import UserError
from xttslab.evaluation.clips import RATE
from xttslab.evaluation.references import real_clips


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
