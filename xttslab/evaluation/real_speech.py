"""Measures floors and ceilings of the scales on real recordings of the speaker and of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.pace import (
    OF_WHOLE_CLIPS,
    measure_pace,
    pace_columns,
    pace_features,
)
from xttslab.evaluation.pronunciation import normalise, pooled_rate
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.scales import Anchor, Scale, make_scale
from xttslab.evaluation.settings import FIXED, MISMATCHED, OTHERS, ScaleRule, Scoring
from xttslab.evaluation.speaker_similarity import (
    ENCODERS,
    VOICE,
    VoiceCeiling,
    embed,
    foreign_rows,
    mean_similarity,
    voice_ceiling,
)
from xttslab.evaluation.spoken_clips import RATE, SpokenClip, at_16k

_FEWEST = 2  # real clips behind a measured ceiling
_FEWEST_OTHERS = 8  # clips of other people behind a measured floor


@dataclass(frozen=True, eq=False)
class RealSpeech:
    """What scores are read against.

    measured: the speaker's real clips. others: measure → embeddings (m, size) of other speakers.
    prosody: the real clips by category.
    """

    measured: Measured
    others: Mapping[str, np.ndarray]
    prosody: RealProsody
    _ceilings: dict[tuple[str, tuple[float, ...]], VoiceCeiling] = field(default_factory=dict)
    _alike: dict[tuple[float, ...], dict[str, np.ndarray]] = field(default_factory=dict)

    def similarity(self, measure: str, embeddings: np.ndarray) -> np.ndarray:
        """Mean cosine of clips (n, size) to the real clips, (n,)."""
        own = self.measured.voices.get(measure)
        return np.full(len(embeddings), np.nan) if own is None else mean_similarity(embeddings, own)

    @cached_property
    def foreign(self) -> list[str]:
        """Names of the real clips that are of another voice than most."""
        own = self.measured.voices.get(VOICE)
        clips = self.measured.clips
        rows = [] if own is None else foreign_rows(own, [clip.seconds for clip in clips])
        return [clips[row].name for row in rows]

    def scale(self, measure: str, scoring: Scoring, ceiling: VoiceCeiling | None = None) -> Scale:
        """The scale of a measure; `ceiling` is that of a voice (`voice_ceiling`)."""
        rule = scoring.scales[measure]
        found = self._voice_anchor(ceiling) if ceiling else self._ceiling(measure, rule)
        return make_scale(rule, self._floor(measure, rule, scoring.language), found)

    def voice_ceiling(self, measure: str, seconds: Sequence[float]) -> VoiceCeiling | None:
        """The ceiling of a voice measure for clips of these lengths; None where it has to be the
        fixed one: fewer than two real clips with speech, or clips of two people."""
        own = self.measured.voices.get(measure)
        if own is None or self.foreign or (~np.isnan(own).any(axis=1)).sum() < _FEWEST:
            return None
        rounded = tuple(sorted(max(0.5, round(2 * length) / 2) for length in seconds))
        if (measure, rounded) not in self._ceilings:
            audios = [at_16k(clip) for clip in self.measured.clips]
            self._ceilings[measure, rounded] = voice_ceiling(measure, audios, own, rounded)
        found = self._ceilings[measure, rounded]
        return None if np.isnan(found.values).all() else found

    def alike(self, seconds: Sequence[float]) -> dict[str, np.ndarray] | None:
        """Features of the real clips, cut to the lengths of other clips: `voice` (m, size) and
        `prosody` (m, 5); None where there is no voice to measure."""
        if VOICE not in self.measured.voices or not self.measured.clips:
            return None
        audios = [at_16k(clip) for clip in self.measured.clips]
        order = np.argsort([len(audio) for audio in audios])
        places = (np.arange(len(audios)) + 0.5) / len(audios)
        lengths = tuple(np.round(2 * np.sort(np.quantile(seconds, places))) / 2)
        if lengths not in self._alike:
            for row, length in zip(order, lengths, strict=True):
                audios[row] = audios[row][-round(max(length, 0.5) * RATE) :]  # with its own end
            columns = pace_columns([measure_pace(audio) for audio in audios])
            whole = {f"pace_{name}" for name in OF_WHOLE_CLIPS}
            columns |= {name: self.measured.values[name] for name in whole}
            self._alike[lengths] = told_features(embed(VOICE, audios), columns)
        return self._alike[lengths]

    def _voice_anchor(self, ceiling: VoiceCeiling) -> Anchor:
        known = ceiling.values[~np.isnan(ceiling.values)]
        what = f"{len(known)} real clips of the speaker, at the lengths of the scored ones"
        return Anchor(float(known.mean()), what)

    def _ceiling(self, measure: str, rule: ScaleRule) -> Anchor | None:
        if rule.ceiling_from == FIXED or measure in ENCODERS:
            return None
        values = self.measured.values.get(measure, np.zeros(0))
        weights = self.measured.weights.get(measure, np.ones(len(values)))
        known = ~np.isnan(values)
        if known.sum() < _FEWEST:
            return None
        mean = float(np.average(values[known], weights=weights[known]))
        return Anchor(mean, f"{int(known.sum())} real clips of the speaker")

    def misheard(self) -> float | None:
        """Character error rate of the real clips, as one text; None where none was recognised."""
        rates = self.measured.values.get("cer", np.zeros(0))
        known = ~np.isnan(rates)
        if not known.any():
            return None
        return float(np.average(rates[known], weights=self.measured.weights["cer"][known]))

    def doubts(self, scoring: Scoring) -> dict[str, str]:
        """Aspect → why its score is not reliable beside these clips; it leaves overall then."""
        found = {}
        if self.foreign:
            named, count = ", ".join(self.foreign[:3]), len(self.measured.clips)
            found["voice_similarity"] = (
                f"{len(self.foreign)} of {count} real clips are of another person than most "
                f"({named}); leave them out"
            )
        rate = self.misheard()
        if rate is None or rate <= scoring.misheard:
            return found
        heard = f"the recogniser ({scoring.recogniser.name}) mishears {rate:.0%} of the real clips'"
        why = f"{heard} letters, more than {scoring.misheard:.0%}; {scoring.recogniser.better()}"
        return {**found, "pronunciation": why}

    def _floor(self, measure: str, rule: ScaleRule, language: str) -> Anchor | None:
        if rule.floor_from == OTHERS:
            return self._other_speakers(measure)
        return self._mismatched(language) if rule.floor_from == MISMATCHED else None

    def _other_speakers(self, measure: str) -> Anchor | None:
        """Mean similarity of the other speakers' clips; fewer than eight say too little."""
        if measure not in self.others:
            return None
        found = self.similarity(measure, self.others[measure])
        known = found[~np.isnan(found)]
        if len(known) < _FEWEST_OTHERS:
            return None
        return Anchor(float(known.mean()), f"{len(known)} clips of others")

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


def told_features(voices: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What clips are told apart by: speaker embeddings (n, size), pace and melody (n, 5)."""
    return {"voice": voices, "prosody": pace_features(columns)}


def real_prosody(clips: Sequence[SpokenClip], prosody: Sequence[Prosody | None]) -> RealProsody:
    """The real clips by category, those without a category or without sound left out."""
    return RealProsody.of(
        [(clip.category, found) for clip, found in zip(clips, prosody, strict=True) if found]
    )
