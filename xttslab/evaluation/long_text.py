"""A long text, spoken in one go, in; how well it is understood and whether the voice stays out."""

from __future__ import annotations

from dataclasses import dataclass

from xttslab.evaluation.clips import SpokenClip, at_16k
from xttslab.evaluation.predictors import PredictorMissing
from xttslab.evaluation.pronunciation import normalise, pooled_rate
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.speaker import voice_drift

_LEAST_CER = 0.01  # of short sentences in a ratio: one error in a hundred letters is chance


@dataclass(frozen=True)
class LongText:
    """What a long text came to; None is not measured.

    `cer`: character error rate. `cer_ratio`: that over the rate of short sentences (at least 1 %).
    `drift`: similarity to the speaker in the first 30 s minus that in the last 30 s.
    """

    seconds: float
    cer: float | None
    cer_ratio: float | None
    drift: float | None

    def metrics(self) -> dict[str, float]:
        """`score/long_form/…`, what was measured."""
        found = {"cer": self.cer, "cer_ratio": self.cer_ratio, "drift": self.drift}
        named = {f"score/long_form/{name}": value for name, value in found.items()}
        measured = {name: value for name, value in named.items() if value is not None}
        return {**measured, "score/long_form/seconds": self.seconds}


def score_long_text(clip: SpokenClip, scorer: Scorer, short_cer: float | None) -> LongText:
    """Score one long recording beside the scorer's real ones; `short_cer` is of short sentences.

    Predictors that are missing leave their numbers out.
    """
    cer = _cer(clip, scorer)
    ratio = cer / max(short_cer, _LEAST_CER) if cer is not None and short_cer is not None else None
    return LongText(clip.seconds, cer, ratio, _drift(clip, scorer))


def _cer(clip: SpokenClip, scorer: Scorer) -> float | None:
    language = scorer.scoring.language
    try:
        heard = scorer.scoring.recogniser.transcribe([at_16k(clip)])[0]
    except PredictorMissing:
        return None
    return pooled_rate([normalise(heard.text, language)], [normalise(clip.text, language)])


def _drift(clip: SpokenClip, scorer: Scorer) -> float | None:
    real = scorer.real.measured.embeddings
    if real is None:
        return None
    drift = voice_drift(at_16k(clip), real)
    return None if drift != drift else drift
