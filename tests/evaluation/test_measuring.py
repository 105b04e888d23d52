import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import measuring, speaker_similarity
from xttslab.evaluation.measuring import measure
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import SpokenClip


@pytest.fixture(autouse=True)
def _no_heavy_predictors(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise PredictorMissing("left out of this test")

    for name in speaker_similarity.ENCODERS:
        monkeypatch.setitem(speaker_similarity.ENCODERS, name, missing)
    monkeypatch.setattr(measuring, "predict_distillmos", missing)
    monkeypatch.setattr(Recogniser, "transcribe", missing)


def test_every_column_has_a_value_or_nan_for_every_clip(scoring: Scoring) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    clips = [
        SpokenClip("speaks", tone(1.0), 16_000, "Igen."),
        SpokenClip("mute", silence(1.0), 16_000, "Nem."),
        SpokenClip("empty", np.zeros(0, np.float32), 16_000, ""),
    ]
    found = measure(clips, scoring)
    assert found.mute.tolist() == [False, True, True]
    assert {len(column) for column in found.values.values()} == {3}
    assert np.isfinite(found.values["pitch_st"]).tolist() == [True, False, False]
    assert np.isfinite(found.values["defects_per_s"]).tolist() == [True, False, False]
    assert found.weights["cer"].tolist() == [4, 3, 0]
    assert found.weights["defects_per_s"].tolist() == [1, 1, 0]
    assert found.voices == {}
    assert found.missing == dict.fromkeys(
        ("speaker_similarity", "resemblyzer_similarity", "cer", "distillmos"),
        "left out of this test",
    )


def test_clips_without_text_need_no_recogniser(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        Recogniser, "transcribe", lambda _, audios, __: asked.append(len(audios)) or []
    )
    found = measure([SpokenClip("a", tone(0.5), 16_000)], scoring)
    assert asked == [0]
    assert found.heard == (None,)
    assert "cer" not in found.missing


def test_codes_of_a_clip_reach_the_defects(scoring: Scoring) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    stuck = SpokenClip("a", tone(1.0), 16_000, codes=(7,) * 21)
    assert measure([stuck], scoring).values["stuck_s"][0] == pytest.approx(20 * 1024 / 22_050)


def test_values_can_be_added(scoring: Scoring) -> None:
    found = measure([SpokenClip("a", tone(0.5), 16_000)], scoring)
    more = found.with_values({"speaker_similarity": np.array([0.9])})
    assert next(iter(more.values)) == "speaker_similarity"
    assert set(more.values) - set(found.values) == {"speaker_similarity"}
