"""A long text: how well it is understood, beside short ones, and whether the voice stays."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.evaluation import long_text
from xttslab.evaluation.clips import RATE, SpokenClip
from xttslab.evaluation.long_text import LongText, score_long_text
from xttslab.evaluation.predictors import PredictorMissing
from xttslab.evaluation.recognition import Heard, Word

TEXT = "Jó estét kívánok!"


@dataclass
class Hearing:
    """Hears these words, or nothing at all for want of a recogniser."""

    words: str | None

    def transcribe(self, audios: list[np.ndarray]) -> list[Heard]:
        if self.words is None:
            raise PredictorMissing("no recogniser")
        return [Heard(tuple(Word(f" {word}", 0, 1) for word in self.words.split()))]


def scorer(words: str | None, embeddings: np.ndarray | None) -> SimpleNamespace:
    scoring = SimpleNamespace(language="hu", recogniser=Hearing(words))
    real = SimpleNamespace(measured=SimpleNamespace(embeddings=embeddings))
    return SimpleNamespace(scoring=scoring, real=real)


CLIP = SpokenClip("long.wav", tone(1.0), RATE, TEXT)


def test_the_rate_stands_beside_that_of_short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "voice_drift", lambda audio, real: 0.02)
    found = score_long_text(CLIP, scorer("jó estét", np.eye(2, 256)), short_cer=0.25)
    assert found.cer == pytest.approx(8 / 16)
    assert found.metrics() == {
        "score/long_form/cer": 0.5,
        "score/long_form/cer_ratio": 2.0,
        "score/long_form/drift": 0.02,
        "score/long_form/seconds": 1.0,
    }


def test_flawless_short_texts_make_no_endless_ratio() -> None:
    found = score_long_text(CLIP, scorer("jó estét", None), short_cer=0.0)
    assert found.cer_ratio == pytest.approx(50)


def test_what_cannot_be_measured_is_left_out() -> None:
    found = score_long_text(CLIP, scorer(None, None), short_cer=0.2)
    assert found == LongText(1.0, None, None, None)
    assert found.metrics() == {"score/long_form/seconds": 1.0}


def test_a_text_of_less_than_a_minute_has_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "voice_drift", lambda audio, real: float("nan"))
    assert score_long_text(CLIP, scorer("jó", np.eye(2, 256)), None).drift is None
