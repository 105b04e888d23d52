"""Scores of samples in training: beside held-out clips, without touching the training itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clips
from tests.evaluation.conftest import tone
from xttslab.errors import UserError
from xttslab.evaluation import in_training
from xttslab.evaluation.clips import RATE
from xttslab.evaluation.in_training import SampleScorer, sample
from xttslab.evaluation.predictors import PredictorMissing
from xttslab.evaluation.settings import Scoring


@pytest.fixture
def without_predictors(monkeypatch: pytest.MonkeyPatch) -> None:
    """No predictor can be loaded; what numpy alone measures remains."""
    from xttslab.evaluation import measuring, recognition

    def missing(*_: object, **__: object) -> None:
        raise PredictorMissing("it is not installed; run `pip install it`")

    monkeypatch.setattr(measuring, "embed", missing)
    monkeypatch.setattr(measuring, "predict_distillmos", missing)
    monkeypatch.setattr(measuring, "predict_dnsmos", missing)
    monkeypatch.setattr(recognition, "_pipeline", missing)


def test_a_missing_predictor_leaves_its_mark_out(
    tmp_path: Path, scoring: Scoring, without_predictors: None
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    clips = make_clips(tmp_path, "set", ["greeting", "tension"])
    scorer = SampleScorer(clips, scoring)
    card = scorer.score([sample("03_greeting", tone(1.0), RATE, "Jó estét!", "greeting")])
    assert card.aspects["naturalness"].mark is None
    assert "it is not installed" in card.aspects["pronunciation"].missing
    assert card.aspects["smoothness"].mark is not None
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


def test_a_wave_that_is_not_finite_gets_mark_0(
    tmp_path: Path, scoring: Scoring, without_predictors: None
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    wave = np.full(RATE, np.nan)
    scorer = SampleScorer(make_clips(tmp_path, "set", ["greeting"]), scoring)
    card = scorer.score([sample("01", wave, RATE, "Jó estét!", "greeting")])
    assert card.clips[0].mute
    assert card.metrics()["score/smoothness"] == 0
    assert card.aspects["smoothness"].value is None
    assert card.aspects["naturalness"].mark is None


def test_no_sample_is_said(tmp_path: Path, scoring: Scoring, without_predictors: None) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    with pytest.raises(UserError, match="no clip to score"):
        SampleScorer(make_clips(tmp_path, "set", ["greeting"]), scoring).score([])
