from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.evaluation import speaker_similarity
from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.real_speech import RealSpeech, real_prosody
from xttslab.evaluation.recognition import Recognised, Word
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import SpokenClip

TEXTS = ("alma", "béka", "cica")


def heard(*words: str) -> Recognised:
    return Recognised(tuple(Word(f" {word}", i, i + 1) for i, word in enumerate(words)))


@pytest.fixture
def real() -> RealSpeech:
    """Three real clips at 60° of each other, one of another speaker at right angles to two."""
    clips = tuple(SpokenClip(text, tone(0.2), 16_000, text, "calm") for text in TEXTS)
    own = np.zeros((3, 256))
    own[0, 0] = own[1, 1] = own[2, 2] = np.sqrt(0.5)
    own[:, 3] = np.sqrt(0.5)
    other = np.zeros((8, 256))
    other[:, 0] = 1.0
    measured = Measured(
        clips=clips,
        mute=np.zeros(3, dtype=bool),
        voices={"speaker_similarity": own},
        heard=tuple(heard(text) for text in TEXTS),
        prosody=(None,) * 3,
        values={"cer": np.array([0.0, 0.25, 0.5]), "distillmos": np.array([4.0, np.nan, 4.4])},
        weights={"cer": np.array([4.0, 4.0, 8.0])},
        missing={},
        seconds={},
    )
    return RealSpeech(measured, {"speaker_similarity": other}, RealProsody.of([]))


def test_voice_similarity_lies_between_others_and_the_speakers_own_clips(
    real: RealSpeech, scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = real.measured.voices["speaker_similarity"]
    monkeypatch.setitem(speaker_similarity.ENCODERS, "speaker_similarity", lambda audios: own)
    ceiling = real.voice_ceiling("speaker_similarity", [0.2, 0.2])
    scale = real.scale("speaker_similarity", scoring, ceiling)
    assert scale.ceiling.value == pytest.approx(0.5)
    assert scale.floor.value == pytest.approx(np.sqrt(0.5) / 3)
    assert (scale.floor.source, scale.ceiling.source) == (
        "8 clips of others",
        "3 real clips of the speaker, at the lengths of the scored ones",
    )


def test_fewer_than_eight_clips_of_others_leave_the_fixed_floor(
    real: RealSpeech, scoring: Scoring
) -> None:
    few = replace(real, others={"speaker_similarity": real.others["speaker_similarity"][:7]})
    floor = few.scale("speaker_similarity", scoring).floor
    assert (floor.value, floor.source) == (0.37, "fixed")


def test_the_ceiling_of_cer_is_weighted_and_its_floor_is_mismatched_text(
    real: RealSpeech, scoring: Scoring
) -> None:
    scale = real.scale("cer", scoring)
    assert scale.ceiling.value == pytest.approx((0 + 1 + 4) / 16)
    # alma against béka, béka against cica, cica against alma: 3, 3 and 3 of 4 letters differ
    assert scale.floor.value == pytest.approx(9 / 12)
    assert scale.floor.source == "3 real clips against the text of another"


def test_unmeasured_ends_are_the_fixed_ones(real: RealSpeech, scoring: Scoring) -> None:
    bare = replace(real.measured, voices={}, values={}, heard=(None,) * 3)
    nothing = RealSpeech(bare, {}, RealProsody.of([]))
    for measure in ("speaker_similarity", "cer", "distillmos"):
        scale = nothing.scale(measure, scoring)
        rule = scoring.scales[measure]
        assert (scale.floor.value, scale.ceiling.value) == (rule.floor, rule.ceiling)
        assert scale.floor.source == scale.ceiling.source == "fixed"
    assert np.isnan(nothing.similarity("speaker_similarity", np.ones((2, 256)))).all()


def test_the_mos_ceiling_needs_two_real_clips(real: RealSpeech, scoring: Scoring) -> None:
    assert real.scale("distillmos", scoring).ceiling.value == pytest.approx(4.2)
    assert real.scale("distillmos", scoring).floor.value == scoring.scales["distillmos"].floor


def test_real_prosody_leaves_mute_and_uncategorised_clips_out() -> None:
    clips = [SpokenClip(c or "-", tone(0.1), 16_000, category=c) for c in ("calm", "", "wild")]
    found = real_prosody(clips, [Prosody(80, 5, -20, 5), Prosody(80, 5, -20, 5), None])
    assert {name: len(rows) for name, rows in found.categories.items()} == {"calm": 1}


def test_real_clips_of_two_people_make_the_voice_unreliable(
    real: RealSpeech, scoring: Scoring
) -> None:
    names = ("a1", "a2", "a3", "b1", "b2")
    clips = tuple(SpokenClip(name, tone(2.5), 16_000) for name in names)
    own = np.zeros((5, 256))
    own[:3, 0] = own[3:, 1] = 1.0
    measured = replace(real.measured, clips=clips, voices={"speaker_similarity": own}, values={})
    mixed = RealSpeech(measured, {}, RealProsody.of([]))
    assert mixed.doubts(scoring) == {
        "voice_similarity": "2 of 5 real clips are of another person than most (b1, b2); leave "
        "them out"
    }
