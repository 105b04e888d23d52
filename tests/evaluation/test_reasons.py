from dataclasses import replace

import pytest

from xttslab.evaluation.reasons import ClipEvidence, bad_points, good_points
from xttslab.evaluation.settings import Scoring


@pytest.fixture
def evidence(scoring: Scoring) -> ClipEvidence:
    return ClipEvidence(
        measures={
            "speaker_similarity": 0.91, "cer": 0.02, "distillmos": 4.3, "clicks": 2.0,
            "spectral_jumps": 0.1, "babble_s": 1.24, "cut_off": 1.0,
        },
        scores={"voice_similarity": 9.0, "pronunciation": 10.0, "naturalness": 8.2, "emotion": 8.1},
        plain={"voice_similarity": 9.2, "pronunciation": 10.0, "naturalness": 9.6},
        behind={
            "voice_similarity": "speaker_similarity", "pronunciation": "cer",
            "naturalness": "distillmos", "smoothness": "defects_per_s",
        },
        heard="Nagyszerű teljesítmény.",
        weights=scoring.defects,
        tone=("pitch_st", -2.44),
        category="tension",
    )  # fmt: skip


def test_the_best_three_aspects_are_named_best_first(evidence: ClipEvidence) -> None:
    assert good_points(evidence) == (
        "clear words (2% misheard); the voice is right (0.91); natural sound (4.3 of 5)"
    )
    assert bad_points(evidence) == ""


def test_bad_aspects_come_with_their_cause_worst_first(evidence: ClipEvidence) -> None:
    bad = replace(
        evidence,
        scores={"smoothness": 1.0, "emotion": 3.0, "pronunciation": 5.9},
        measures={**evidence.measures, "cer": 0.42},
        plain={"smoothness": 0.5, "pronunciation": 6.2},
    )
    assert bad_points(bad) == (
        "1.2 s of babble after the end, 2.0 clicks or hard cuts, "
        "it breaks off in the middle of a sound; "
        "does not sound like tension: the pitch is 2.4 semitones too low; "
        "42% of the letters misheard, as “Nagyszerű teljesítmény.”"
    )
    assert good_points(bad) == ""


def test_middling_scores_need_no_word(evidence: ClipEvidence) -> None:
    fair = replace(evidence, scores={"naturalness": 7.0})
    assert (good_points(fair), bad_points(fair)) == ("", "")


def test_what_nobody_understood_is_said(evidence: ClipEvidence) -> None:
    none = replace(
        evidence, heard="", scores={"pronunciation": 0.0}, measures={"cer": 1.0}, plain={}
    )
    assert bad_points(none) == "nothing was understood"


def alone(
    evidence: ClipEvidence, aspect: str, value: float, plain: float, score: float
) -> ClipEvidence:
    """Evidence of one aspect with this raw value."""
    measures = {evidence.behind[aspect]: value}
    return replace(evidence, measures=measures, plain={aspect: plain}, scores={aspect: score})


@pytest.mark.parametrize(
    ("aspect", "value", "plain", "words"),
    [
        ("pronunciation", 0.46, 5.8, "words no less clear than in the recordings (46% misheard)"),
        ("pronunciation", 0.27, 8.0, "words no less clear than in the recordings (27% misheard)"),
        ("pronunciation", 0.10, 10.0, "clear words (10% misheard)"),
        ("voice_similarity", 0.71, 3.6, "as like the voice as the recordings are (0.71)"),
        ("voice_similarity", 0.91, 9.2, "the voice is right (0.91)"),
        ("naturalness", 2.6, 2.3, "sounds as the recordings do (2.6 of 5)"),
        ("naturalness", 4.3, 9.6, "natural sound (4.3 of 5)"),
        ("smoothness", 2.4, 2.2, "no rougher than the recordings (2.4 defects a second)"),
        ("smoothness", 0.0, 10.0, "smooth"),
    ],
)
def test_praise_fits_the_number_beside_it(evidence, aspect, value, plain, words) -> None:
    assert good_points(alone(evidence, aspect, value, plain, 10.0)) == words


@pytest.mark.parametrize(
    ("aspect", "value", "plain", "words"),
    [
        ("pronunciation", 0.04, 10.0, "words less clear than in the recordings (4% misheard)"),
        ("pronunciation", 0.5, 5.3, "50% of the letters misheard, as “Nagyszerű teljesítmény.”"),
        ("voice_similarity", 0.9, 8.9, "less like the voice than the recordings are (0.90)"),
        ("voice_similarity", 0.62, 1.1, "another voice (0.62)"),
        ("naturalness", 3.9, 7.9, "less natural than the recordings (3.9 of 5)"),
        ("naturalness", 2.5, 1.8, "artificial sound (2.5 of 5)"),
        ("smoothness", 0.4, 9.6, "rougher than the recordings (0.4 defects a second)"),
        ("smoothness", 2.9, 0.4, "many small defects"),
    ],
)
def test_blame_fits_the_number_beside_it(evidence, aspect, value, plain, words) -> None:
    assert bad_points(alone(evidence, aspect, value, plain, 4.0)) == words


def test_a_smooth_clip_names_the_defects_that_it_has(evidence: ClipEvidence) -> None:
    smooth = replace(evidence, scores={"smoothness": 9.0}, plain={"smoothness": 9.0})
    assert good_points(smooth) == (
        "few defects: 1.2 s of babble after the end, 2.0 clicks or hard cuts, "
        "it breaks off in the middle of a sound"
    )


@pytest.mark.parametrize(
    ("tone", "cause"),
    [
        (("pitch_st", 0.4), ""),
        (("energy_db", -0.4), ""),  # would read "0 dB too quiet"
        (("energy_db", -1.2), ": it is 1 dB too quiet"),
        (("rate_syllables_s", 0.3), ": it is 0.3 syllables a second too fast"),
    ],
)
def test_what_cannot_be_heard_is_no_cause(evidence: ClipEvidence, tone, cause: str) -> None:
    off = replace(evidence, scores={"emotion": 2.0}, tone=tone)
    assert bad_points(off) == f"does not sound like tension{cause}"
