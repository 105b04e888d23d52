"""The wanted speaker's speech in recordings, whose windows are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE
from tests.data.preparing.test_speaker_search import SIZE, shipped, voices, windows
from xttslab.data.preparing.clip_maker import ClipMaker
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.making import Recording, _who_speaks
from xttslab.data.preparing.recordings import Decoded
from xttslab.data.preparing.speaker_search import OTHER, THEIRS
from xttslab.data.preparing.timed_texts import TimedSegment, TimedText, timed_text
from xttslab.data.preparing.voice_activity import FRAME_SECONDS
from xttslab.data.preparing.voice_windows import VoiceWindows
from xttslab.data.preparing.wanted_speaker import (
    SpokenRecording,
    WantedSpeaker,
    named_voice,
    named_windows,
)
from xttslab.errors import UserError

BY_NAME = WantedSpeaker(replace(shipped(), by_name=True), None)


class Heard:
    """Stands for decoded recordings whose windows are known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recordings: dict[str, VoiceWindows]):
        module = "xttslab.data.preparing.wanted_speaker"
        monkeypatch.setattr(f"{module}.listen", lambda task: recordings[task.decoded.name])
        self.speech = [
            SpokenRecording(Path(name), [(0.0, float(heard.places[-1, 1]))])
            for name, heard in recordings.items()
        ]

    def named(self, *spans: list[tuple[float, float]]) -> list[SpokenRecording]:
        """The recordings with what their transcripts give to the wanted speaker."""
        return [rec._replace(named=n) for rec, n in zip(self.speech, spans, strict=True)]


def test_the_main_voice_stays_for_recordings_that_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = WantedSpeaker(shipped(), None)
    first = Heard(monkeypatch, {"a": windows(*[0] * 9, *[1] * 5)})
    assert [p.kind for p in wanted.speech_in(first.speech, tmp_path, 1)[0]] == [THEIRS, OTHER]
    later = Heard(monkeypatch, {"b": windows(*[0] * 4, *[1] * 9)})
    assert [p.kind for p in wanted.speech_in(later.speech, tmp_path, 1)[0]] == [THEIRS, OTHER]


def test_a_voice_that_nobody_has_is_answered_with_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = WantedSpeaker(shipped(), np.eye(SIZE, dtype=np.float32)[5])
    heard = Heard(monkeypatch, {"a": windows(*[0] * 9, *[1] * 5)})
    with pytest.raises(UserError, match=r"nobody .*: 14 s \(cosine .*, 8 s .*; give a sample of"):
        wanted.speech_in(heard.speech, tmp_path, 1)


def test_recordings_without_speech_have_no_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = WantedSpeaker(shipped(), None)
    Heard(monkeypatch, {"a": windows(0)})
    assert wanted.speech_in([SpokenRecording(Path("a"), [])], tmp_path, 1) == [[]]
    assert wanted.speech_in([], tmp_path, 1) == []


def test_the_voice_of_a_name_is_that_of_most_of_what_is_named() -> None:
    heard = windows(*[0] * 6, *[1] * 5)
    found = named_voice(
        shipped(), heard, named_windows(heard, [(0.0, 9.0), (9.0, 12.0)])
    )  # 3 s of it another's
    assert found is not None
    assert found @ np.eye(SIZE)[0] > 0.95
    assert named_voice(shipped(), heard, named_windows(heard, [(0.0, 1.6)])) is None


def test_words_that_overlap_count_once() -> None:
    heard = windows(0, 0, 1, 1)
    assert named_windows(heard, []).tolist() == [False] * 4
    twice = [(0.0, 1.0), (0.2, 0.8), (0.9, 1.1), (1.6, 3.0)]  # 1.1 and 1.4 s of 1.5
    assert named_windows(heard, twice).tolist() == [False, True, False, False]


def test_windows_that_reach_beyond_what_is_named_are_no_sample() -> None:
    heard = windows(0, 0, 0, 1, 1, 1)
    found = named_voice(
        shipped(), heard, named_windows(heard, [(0.0, 5.5)])
    )  # a second of the fourth window
    assert found is not None
    assert found @ np.eye(SIZE)[1] < 0.2


def test_whom_a_transcript_names_is_told_by_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(monkeypatch, {"a": windows(*[0] * 8, *[1] * 6), "b": windows(*[1] * 6)})
    recordings = heard.named([(0.0, 12.5)], [])
    found, unnamed = BY_NAME.speech_in(recordings, tmp_path, 1)
    assert found is not None
    assert [(round(p.end, 1), p.kind) for p in found] == [(12.0, THEIRS), (21.0, OTHER)]
    assert unnamed is None
    assert not list(tmp_path.iterdir())


def test_little_that_is_named_is_told_by_the_voice_of_other_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = windows(*[1] * 5, *[0] * 5, rows=voices(*[1] * 5, *[0] * 5, seed=3))
    heard = Heard(monkeypatch, {"a": windows(*[0] * 8, *[1] * 6), "b": later})
    _, found = BY_NAME.speech_in(heard.named([(0.0, 12.0)], [(7.5, 9.0)]), tmp_path, 1)
    assert found is not None
    assert [(round(p.end, 1), p.kind) for p in found] == [(7.5, OTHER), (15.0, THEIRS)]
    alone = BY_NAME.speech_in(heard.named([(0.0, 1.0)], [(7.5, 9.0)]), tmp_path, 1)
    assert alone == [None, None]


def test_a_transcript_that_fits_its_recording_says_where_to_take_the_voice_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Heard(monkeypatch, {"a.wav": windows(*[0] * 8, *[1] * 6)})
    lines = [("Ez az első mondat.", 0.1, 11.9, "A"), ("Ez a másik.", 12.1, 20.9, "B")]
    timed = timed_text(Path("a.json"), [TimedSegment(*line) for line in lines]).keeping("A")
    blank = Record("a", "a", "", "a.wav", "")
    decoded = Decoded(tmp_path / "a.wav", 21.0, (), (), False, 1.0)
    maker = ClipMaker(tmp_path, RECIPE, BY_NAME)
    detected = np.ones((round(21 / FRAME_SECONDS), 2), np.float32)

    def told(text: TimedText) -> list[int] | None:
        (found,) = _who_speaks(
            [(Recording(Path("a.wav"), blank, text), decoded)], [detected], maker, 1
        )
        return None if found is None else [piece.kind for piece in found]

    assert told(timed) == [THEIRS, OTHER]
    late = tuple(word._replace(start=word.start + 60, end=word.end + 60) for word in timed.words)
    assert told(replace(timed, words=late)) is None
