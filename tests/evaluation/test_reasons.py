from dataclasses import replace

import pytest

from xttslab.evaluation.reasons import Evidence, bad_points, good_points
from xttslab.evaluation.settings import Scoring


@pytest.fixture
def evidence(scoring: Scoring) -> Evidence:
    return Evidence(
        measures={
            "speaker_similarity": 0.91, "cer": 0.02, "distillmos": 4.3, "clicks": 2.0,
            "spectral_jumps": 0.1, "babble_s": 1.24, "cut_off": 1.0,
        },
        marks={"voice_similarity": 9.0, "pronunciation": 10.0, "naturalness": 8.2, "emotion": 8.1},
        behind={
            "voice_similarity": "speaker_similarity", "pronunciation": "cer",
            "naturalness": "distillmos", "smoothness": "defects_per_s",
        },
        heard="Nagyszerű teljesítmény.",
        weights=scoring.defects,
        tone=("pitch_st", -2.44),
        category="tension",
    )  # fmt: skip


def test_the_best_three_aspects_are_named_best_first(evidence: Evidence) -> None:
    assert good_points(evidence) == (
        "clear words (2% misheard); the voice is right (0.91); natural sound (4.3 of 5)"
    )
    assert bad_points(evidence) == ""


def test_bad_aspects_come_with_their_cause_worst_first(evidence: Evidence) -> None:
    bad = replace(evidence, marks={"smoothness": 1.0, "emotion": 3.0, "pronunciation": 5.9})
    assert bad_points(bad) == (
        "1.2 s of babble after the end, 2.0 clicks or hard cuts, "
        "it breaks off in the middle of a sound; "
        "does not sound like tension: the pitch is 2.4 semitones too low; "
        "2% of the letters misheard, as “Nagyszerű teljesítmény.”"
    )
    assert good_points(bad) == ""


def test_middling_marks_need_no_word(evidence: Evidence) -> None:
    fair = replace(evidence, marks={"naturalness": 7.0})
    assert (good_points(fair), bad_points(fair)) == ("", "")


def test_what_nobody_understood_is_said(evidence: Evidence) -> None:
    none = replace(evidence, heard="", marks={"pronunciation": 0.0}, measures={"cer": 1.0})
    assert bad_points(none) == "nothing was understood"
