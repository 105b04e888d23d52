"""Clips that are there already are judged by voice too, and the verdict is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import CHECKS, RECIPE
from tests.data.preparing.test_speaker_search import SIZE, shipped, windows
from xttslab.data.manifest import Clip
from xttslab.data.preparing.checks import Candidate
from xttslab.data.preparing.clip_maker import ClipMaker, judge_clips
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.voice_windows import VoiceWindows
from xttslab.data.preparing.wanted_speaker import WantedSpeaker
from xttslab.errors import UserError


def record(name: str, heard: VoiceWindows) -> Record:
    features = {f"heard_{part}": array for part, array in vars(heard).items()}
    return Record(name, name, "", f"{name}.wav", "", features=features)


def maker_for(folder: Path, wanted: int) -> ClipMaker:
    voice = np.eye(SIZE, dtype=np.float32)[wanted]
    return ClipMaker(folder, RECIPE, WantedSpeaker(shipped(), voice))


def test_clips_of_others_are_left_out_and_doubtful_ones_pointed_at(tmp_path: Path) -> None:
    people = {"own": [0] * 6, "other": [1] * 6, "both": [0, 0, 0, 1]}
    records = [record(name, windows(*speakers)) for name, speakers in people.items()]
    maker = maker_for(tmp_path, 0)
    judged = judge_clips(records, maker)
    stored = maker.journal.load("other")
    assert stored is not None
    assert stored.measures["voice_theirs"] == 0.0
    clips = [Clip(Path(f"{r.name}.wav"), "Jó napot!", "x") for r in judged]
    found = CHECKS.findings([Candidate(c, r) for c, r in zip(clips, judged, strict=True)])
    assert [(f.row, f.check, f.value) for f in found if f.check in ("voice", "stranger")] == [
        (1, "stranger", "0% of it the wanted one"),
        (2, "voice", "75% of it surely the wanted one"),
    ]


def test_clips_of_nobody_who_is_wanted_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the voices there: 9 s \(cosine -?0"):
        judge_clips([record("a", windows(*[1] * 6))], maker_for(tmp_path, 0))


def test_without_a_search_nothing_is_judged(tmp_path: Path) -> None:
    records = [record("a", windows(0, 0))]
    assert judge_clips(records, ClipMaker(tmp_path, RECIPE)) == records
