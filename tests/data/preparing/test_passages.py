"""Passages end where the wanted speaker does, and say what was left out between them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE
from xttslab.data.preparing.passages import OTHER_VOICE, SEVERAL_VOICES, divide
from xttslab.data.preparing.speaker_search import DOUBTFUL, OTHER, THEIRS, TOGETHER, SpeakerPiece

SPEECH = np.ones((2_000, 2), np.float32)


def test_without_a_search_speech_is_divided_at_its_pauses() -> None:
    found = divide(SPEECH, [(0.0, 3.0), (5.0, 9.0)], RECIPE, None, None)
    assert [(p.start, p.end, p.fault) for p in found] == [(0.0, 3.0, ""), (5.0, 9.0, "")]


def test_no_passage_bridges_what_somebody_else_says() -> None:
    pieces = [
        SpeakerPiece(0.0, 3.0, THEIRS, 0.4),
        SpeakerPiece(3.0, 3.4, OTHER, -0.3),
        SpeakerPiece(3.5, 6.0, THEIRS, 0.3),
        SpeakerPiece(6.0, 6.5, TOGETHER, 0.1),
        SpeakerPiece(6.5, 6.9, OTHER, -0.2),
        SpeakerPiece(6.9, 8.0, OTHER, -0.4),
    ]
    found = divide(SPEECH, [(0.0, 3.4), (3.5, 8.0)], RECIPE, None, pieces)
    assert [(p.start, p.end, p.fault) for p in found] == [
        (0.0, 3.0, ""),
        (3.0, 3.4, OTHER_VOICE),
        (3.5, 6.0, ""),
        (6.0, 6.5, SEVERAL_VOICES),
        (6.5, 8.0, OTHER_VOICE),
    ]
    assert found[1].value == "0.4 s, cosine 0.30 nearer to another voice"
    assert found[3].value == "0.5 s"
    assert found[4].value == "1.5 s, cosine 0.35 nearer to another voice"


def test_a_passage_tells_how_much_of_it_is_surely_theirs() -> None:
    pieces = [SpeakerPiece(0.0, 3.0, THEIRS, 0.4), SpeakerPiece(3.0, 4.0, DOUBTFUL, 0.05)]
    (passage,) = divide(SPEECH, [(0.0, 4.0)], RECIPE, None, pieces)
    assert passage.measures["voice_share"] == pytest.approx(0.75)
    assert passage.measures["voice_margin"] == 0.05
