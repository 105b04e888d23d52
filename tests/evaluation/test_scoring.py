"""Scores of samples in training: beside held-out clips, without touching the training itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clips
from tests.evaluation.conftest import TEXTS, Repeater, embed, patch_predictors, silence, tone
from xttslab.data.predictors import PredictorMissing
from xttslab.errors import UserError
from xttslab.evaluation import measuring, speaker_similarity
from xttslab.evaluation import scoring as in_training
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import SampleScorer, Scorer, sample, score_clips
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE, SpokenClip


@pytest.fixture
def without_predictors(monkeypatch: pytest.MonkeyPatch) -> None:
    """No predictor can be loaded; what numpy alone measures remains."""
    from xttslab.evaluation import measuring, recognition

    def missing(*_: object, **__: object) -> None:
        raise PredictorMissing("it is not installed; run `pip install it`")

    for measure in speaker_similarity.ENCODERS:
        monkeypatch.setitem(speaker_similarity.ENCODERS, measure, missing)
    monkeypatch.setattr(measuring, "predict_distillmos", missing)
    monkeypatch.setattr(recognition, "_pipeline", missing)


def test_a_missing_predictor_leaves_its_score_out(
    tmp_path: Path, scoring: Scoring, without_predictors: None
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    clips = make_clips(tmp_path, "set", ["greeting", "tension"])
    scorer = SampleScorer(clips, scoring)
    card = scorer.score([sample("03_greeting", tone(1.0), RATE, "Jó estét!", "greeting")])
    assert card.aspects["naturalness"].score is None
    assert "it is not installed" in card.aspects["pronunciation"].missing
    assert card.aspects["smoothness"].score is not None
    metrics = card.metrics()
    assert "score/smoothness/greeting" in metrics
    assert "score/naturalness" not in metrics


def test_the_real_clips_are_measured_once(
    tmp_path: Path, scoring: Scoring, without_predictors: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    read: list[int] = []
    true = in_training.real_clips
    monkeypatch.setattr(in_training, "real_clips", lambda *given: read.append(1) or true(*given))
    scorer = SampleScorer(make_clips(tmp_path, "set", ["greeting"]), scoring)
    first = scorer.score([sample("01", tone(1.0), RATE, "Jó estét!", "greeting")])
    again = scorer.score([sample("01", tone(1.0), RATE, "Jó estét!", "greeting")])
    assert read == [1]
    assert again.metrics() == first.metrics()


def test_torch_draws_the_same_numbers_with_and_without_scoring(
    tmp_path: Path, scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    class Drawing:
        def __init__(self, *_: object, **__: object) -> None:
            torch.rand(3)

        def score(self, samples: object) -> None:
            torch.rand(5)

    monkeypatch.setattr(in_training, "Scorer", Drawing)
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    SampleScorer([], scoring).score([])
    assert torch.equal(torch.rand(2), wanted)


def test_a_wave_that_is_not_finite_gets_score_0(
    tmp_path: Path, scoring: Scoring, without_predictors: None
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    wave = np.full(RATE, np.nan)
    scorer = SampleScorer(make_clips(tmp_path, "set", ["greeting"]), scoring)
    card = scorer.score([sample("01", wave, RATE, "Jó estét!", "greeting")])
    assert card.clips[0].mute
    assert card.metrics()["score/smoothness"] == 0
    assert card.aspects["smoothness"].value is None
    assert card.aspects["naturalness"].score is None


def test_no_sample_is_said(tmp_path: Path, scoring: Scoring, without_predictors: None) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    with pytest.raises(UserError, match="no clip to score"):
        SampleScorer(make_clips(tmp_path, "set", ["greeting"]), scoring).score([])


@pytest.fixture
def settings(scoring: Scoring, monkeypatch: pytest.MonkeyPatch) -> Scoring:
    patch_predictors(monkeypatch)
    return replace(scoring, recogniser=Repeater(), bootstrap=100)


def spoken(name: str, number: int, level: float = 0.2, category: str = "") -> SpokenClip:
    audio = np.concatenate([silence(0.1), tone(1.0, 100 + 10 * number, level), silence(0.1)])
    return SpokenClip(name, audio, 16_000, TEXTS[number % 3], category)


def several(prefix: str, level: float = 0.2, count: int = 6) -> list[SpokenClip]:
    names = ("greeting", "tension")
    return [spoken(f"{prefix}{i}", i, level + i / 100, names[i % 2]) for i in range(count)]


@pytest.mark.usefixtures("settings")
def test_clips_like_the_references_get_ten_and_others_less(settings: Scoring) -> None:
    others = several("other", 0.8, 8)
    own = score_clips(several("a"), several("real"), settings, others, progress=False)
    foreign = score_clips(several("b", 0.8), several("real"), settings, others, progress=False)
    similarity = own.aspects["voice_similarity"]
    assert similarity.score.value == pytest.approx(10, abs=0.2)
    assert foreign.aspects["voice_similarity"].score.value == pytest.approx(0, abs=0.5)
    assert (similarity.floor.source, similarity.ceiling.source) == (
        "8 clips of others",
        "6 real clips of the speaker, at the lengths of the scored ones",
    )
    # As many mistakes as the real clips have; the three clips without one count 1.25, not 1.32.
    assert own.aspects["pronunciation"].value == own.aspects["pronunciation"].ceiling.value
    assert own.aspects["pronunciation"].score.value == pytest.approx(9.66, abs=0.01)
    assert set(own.aspects) == set(ASPECTS)
    assert own.overall.low <= own.overall.value <= own.overall.high


def test_a_card_goes_through_json_unchanged(settings: Scoring) -> None:
    card = score_clips(several("a"), several("real"), settings, progress=False)
    assert Scorecard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_rows_have_the_columns_of_the_contract(settings: Scoring) -> None:
    rows = score_clips(several("a"), several("real"), settings, progress=False).rows()
    assert [row["audio_file"] for row in rows] == [f"a{i}" for i in range(6)]
    assert {"speaker_similarity", "cer", "resemblyzer_similarity", "distillmos"} <= set(rows[0])
    assert {f"score_{name}" for name in ASPECTS} <= set(rows[0])
    assert rows[0]["cer"] == 0
    assert rows[1]["heard"] == "Ez egy nagyon nehéz"
    assert rows[1]["cer"] == pytest.approx(7 / 26)


def test_metrics_are_named_for_mlflow(settings: Scoring) -> None:
    metrics = score_clips(several("a"), several("real"), settings, progress=False).metrics()
    assert {"score/overall", "score/pronunciation", "score/pronunciation/tension"} <= set(metrics)
    assert all(
        0 <= metrics[f"score/{name}"] <= 10 for name in ASPECTS if f"score/{name}" in metrics
    )
    assert metrics["score/cer"] == pytest.approx(
        score_clips(several("a"), several("real"), settings, progress=False)
        .aspects["pronunciation"]
        .value
    )


def test_a_missing_predictor_is_not_measured_and_never_0(
    settings: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise PredictorMissing("distillmos cannot be imported; run `pip install distillmos`")

    monkeypatch.setattr(measuring, "predict_distillmos", missing)
    none = score_clips(several("a"), several("real"), settings, progress=False)
    assert none.aspects["naturalness"].score is None
    assert none.aspects["naturalness"].missing.startswith("distillmos cannot be imported")
    assert "score/naturalness" not in none.metrics()
    assert none.rows()[0]["score_naturalness"] is None
    assert none.overall is not None


def test_without_any_predictor_there_is_a_card_without_scores(
    settings: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise PredictorMissing("nothing is installed")

    for name in ("predict_distillmos", "describe", "find_defects"):
        monkeypatch.setattr(measuring, name, missing)
    for measure in speaker_similarity.ENCODERS:
        monkeypatch.setitem(speaker_similarity.ENCODERS, measure, missing)
    monkeypatch.setattr(Repeater, "transcribe", missing)
    card = score_clips(several("a"), several("real"), settings, several("b"), progress=False)
    assert card.overall is None
    assert {score.score for score in card.aspects.values()} == {None}
    assert card.metrics() == {}
    assert (card.best, card.worst) == ((), ())
    assert Scorecard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_mute_clip_is_the_worst_and_counts(settings: Scoring) -> None:
    whole = score_clips(several("a"), several("real"), settings, progress=False)
    mute = SpokenClip("mute", silence(1.0), 16_000, TEXTS[0], "tension")
    card = score_clips([*several("a"), mute], several("real"), settings, progress=False)
    assert card.worst[0] == "mute"
    assert card.clip("mute").score == 0
    assert card.clip("mute").bad == "nothing is to be heard"
    assert card.overall.value < whole.overall.value - 0.5


def test_real_recordings_are_measured_once(
    settings: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(several("real"), settings, progress=False)
    first = scorer.score(several("a", 0.8))
    counted: list[int] = []
    monkeypatch.setitem(
        speaker_similarity.ENCODERS,
        "speaker_similarity",
        lambda audios: counted.append(len(audios)) or embed(audios),
    )
    second = scorer.score(several("a", 0.8))
    assert counted == [6]
    assert replace(second, seconds=first.seconds) == first


def test_all_real_clips_may_serve_the_tone(settings: Scoring) -> None:
    more = [spoken(f"r{i}", i, 0.2, ("greeting", "tension")[i % 2]) for i in range(12)]
    few = score_clips(several("a"), several("real")[:2], settings, progress=False)
    many = score_clips(
        several("a"), several("real")[:2], settings, tone_references=more, progress=False
    )
    assert "1 real clips of greeting; at least 4 are needed" in few.aspects["emotion"].missing
    assert "at least 4 are needed" not in many.aspects["emotion"].missing


def test_the_stages_are_timed(settings: Scoring) -> None:
    card = score_clips(several("a"), several("real"), settings, progress=False)
    stages = ["speaker", "recognition", "distillmos", "prosody", "pace"]
    stages += ["mannerisms", "smoothness"]
    assert list(card.seconds) == stages


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "no clip to score; give at least one recording"),
        ([spoken("x", 0), spoken("x", 1)], "1 clip names come twice, 'x' first; rename them"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    clips: list[SpokenClip], message: str, settings: Scoring
) -> None:
    with pytest.raises(UserError, match=message):
        score_clips(clips, several("real"), settings, progress=False)


def test_one_clip_alone_has_a_card(settings: Scoring) -> None:
    card = score_clips([spoken("x", 0)], [], settings, progress=False)
    assert card.best == ("x",)
    assert card.aspects["consistency"].score is None
    assert card.aspects["pronunciation"].floor.source == "fixed"


def test_scores_of_another_version_are_refused(settings: Scoring) -> None:
    data = score_clips([spoken("x", 0)], [], settings, progress=False).to_dict() | {"version": "0"}
    with pytest.raises(
        UserError, match="scores of version '0', this is '3'; evaluate the run again"
    ):
        Scorecard.from_dict(data)


def test_an_unknown_clip_is_refused(settings: Scoring) -> None:
    card = score_clips([spoken("x", 0)], [], settings, progress=False)
    with pytest.raises(UserError, match="y: no such clip among the 1 scored ones"):
        card.clip("y")


def test_sound_without_a_voice_has_no_similarity_and_says_so(
    settings: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(several("real"), settings, progress=False)
    for measure in speaker_similarity.ENCODERS:
        monkeypatch.setitem(
            speaker_similarity.ENCODERS, measure, lambda audios: np.full((len(audios), 256), np.nan)
        )
    card = scorer.score(several("noise", 0.8))
    assert card.aspects["voice_similarity"].score.value == 0
    assert card.aspects["voice_similarity"].value is None
    assert "speaker_similarity" not in card.clips[0].measures
    assert "no voice is to be heard" in card.clips[0].bad


def test_a_perfect_recording_of_another_person_is_never_above_3(settings: Scoring) -> None:
    foreign = score_clips(several("b", 1.5), several("real"), settings, progress=False)
    assert foreign.aspects["naturalness"].score.value == 10
    assert foreign.aspects["voice_similarity"].score.value < 2.5
    assert foreign.overall.value <= foreign.overall.high <= 3.0
    assert max(foreign.overall_by_category.values()) <= 3.0
    assert max(clip.score for clip in foreign.clips) <= 3.0
    assert foreign.failures[0].startswith("the voice is not the speaker's (")
    assert foreign.failures[0].endswith(" of 10): overall is at most 3.0")
    own = score_clips(several("a"), several("real"), settings, progress=False)
    assert own.failures == ()


def test_the_wrong_words_are_never_above_3(settings: Scoring) -> None:
    wrong = [replace(clip, text=TEXTS[(n + 1) % 3]) for n, clip in enumerate(several("a"))]
    card = score_clips(wrong, several("real"), settings, progress=False)
    assert card.overall.value <= 3.0
    assert card.failures[0].startswith("the words are not those of the texts (")


def test_a_recogniser_that_mishears_the_real_clips_does_not_count(settings: Scoring) -> None:
    """The real clips lose the last word of every second text: 22 % of the letters."""
    strict = replace(settings, misheard=0.1)
    card = score_clips(several("a"), several("real"), strict, progress=False)
    usual = score_clips(several("a"), several("real"), settings, progress=False)
    doubt = card.aspects["pronunciation"].doubt
    assert doubt.startswith("the recogniser (packaged Whisper base) mishears 22% of the real")
    assert "more than 10%; set evaluation.scoring.recogniser.model to one that hears" in doubt
    assert usual.aspects["pronunciation"].doubt == ""
    assert card.overall.value != usual.overall.value
    assert not any("clear words" in clip.good for clip in card.clips)


def test_words_that_do_not_count_still_gate(settings: Scoring) -> None:
    strict = replace(settings, misheard=0.1)
    wrong = [replace(clip, text=TEXTS[(n + 1) % 3]) for n, clip in enumerate(several("a"))]
    assert score_clips(wrong, several("real"), strict, progress=False).overall.value <= 3.0


def test_one_clip_alone_is_scored_and_what_it_cannot_show_is_said(settings: Scoring) -> None:
    card = score_clips(several("a")[:1], several("real")[:1], settings, progress=False)
    assert card.overall is not None
    assert card.aspects["smoothness"].score is not None
    assert card.aspects["told_apart"].missing.endswith("at least 6 of each are needed")
    assert card.aspects["pace"].missing.endswith("4 are needed")
    assert (card.best, card.worst) == (("a_0",), ("a_0",)) or card.best == card.worst
