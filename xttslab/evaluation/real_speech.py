"""Floors and ceilings of the scales, measured on real recordings of the speaker and of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.pronunciation import normalise, pooled_rate
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.scales import Anchor, Scale, make_scale
from xttslab.evaluation.settings import FIXED, MISMATCHED, OTHERS, ScaleRule, Scoring
from xttslab.evaluation.speaker_similarity import mean_similarity, own_similarity
from xttslab.evaluation.spoken_clips import SpokenClip

_FEWEST = 2  # real clips behind a measured ceiling


@dataclass(frozen=True, eq=False)
class RealSpeech:
    """What scores are read against.

    measured: the speaker's real clips; their `speaker_similarity` is to the speaker's other clips.
    others: embeddings (m, 256) of other speakers, or None. prosody: the real clips by category.
    """

    measured: Measured
    others: np.ndarray | None
    prosody: RealProsody

    def similarity(self, embeddings: np.ndarray) -> np.ndarray:
        """Mean cosine of clips (n, 256) to the real clips, (n,)."""
        own = self.measured.embeddings
        return np.full(len(embeddings), np.nan) if own is None else mean_similarity(embeddings, own)

    def scale(self, measure: str, scoring: Scoring) -> Scale:
        """The scale of a measure that has one scale for all clips."""
        rule = scoring.scales[measure]
        return make_scale(rule, self._floor(rule, scoring.language), self._ceiling(measure, rule))

    def _ceiling(self, measure: str, rule: ScaleRule) -> Anchor | None:
        if rule.ceiling_from == FIXED:
            return None
        if measure == "speaker_similarity" and self.measured.embeddings is not None:
            values = own_similarity(self.measured.embeddings)
        else:
            values = self.measured.values.get(measure, np.zeros(0))
        weights = self.measured.weights.get(measure, np.ones(len(values)))
        known = ~np.isnan(values)
        if known.sum() < _FEWEST:
            return None
        mean = float(np.average(values[known], weights=weights[known]))
        return Anchor(mean, f"{int(known.sum())} real clips of the speaker")

    def _floor(self, rule: ScaleRule, language: str) -> Anchor | None:
        if rule.floor_from == OTHERS:
            return self._other_speakers()
        return self._mismatched(language) if rule.floor_from == MISMATCHED else None

    def _other_speakers(self) -> Anchor | None:
        if self.others is None or not len(self.others):
            return None
        found = self.similarity(self.others)
        known = found[~np.isnan(found)]
        return Anchor(float(known.mean()), f"{len(known)} clips of others") if len(known) else None

    def _mismatched(self, language: str) -> Anchor | None:
        """Character error rate of each real clip against the text of the next one."""
        pairs = [
            (normalise(heard.text, language), normalise(clip.text, language))
            for heard, clip in zip(self.measured.heard, self.measured.clips, strict=True)
            if heard is not None
        ]
        if len({text for _, text in pairs}) < _FEWEST:
            return None
        texts = [text for _, text in pairs]
        rate = pooled_rate([heard for heard, _ in pairs], texts[1:] + texts[:1])
        return Anchor(rate, f"{len(pairs)} real clips against the text of another")


def real_prosody(clips: Sequence[SpokenClip], prosody: Sequence[Prosody | None]) -> RealProsody:
    """The real clips by category, those without a category or without sound left out."""
    return RealProsody.of(
        [(clip.category, found) for clip, found in zip(clips, prosody, strict=True) if found]
    )
