"""Scores spoken clips beside real recordings of the speaker.

    card = score_clips(clips, references, scoring)

`Scorer` keeps what was measured on the real recordings, for callers that score again and again.
Nothing here needs a GPU, a network or the model that spoke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from xttslab.data.manifest import Clip
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.cards import make_card
from xttslab.evaluation.emotion import real_shares, score_emotion
from xttslab.evaluation.kept_measures import KeptMeasures
from xttslab.evaluation.mannerisms import with_mannerisms
from xttslab.evaluation.measuring import Measured
from xttslab.evaluation.pace import score_pace
from xttslab.evaluation.real_speech import RealSpeech, real_prosody, told_features
from xttslab.evaluation.scales import ClipSet, ScoredAspect, draw_counts, score_means, score_spread
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.speaker_similarity import (
    ENCODERS,
    VOICE,
    embed_all,
    similarity_to_others,
)
from xttslab.evaluation.spoken_clips import SpokenClip, at_16k, real_clips, require_clips
from xttslab.evaluation.stage_runner import Stopwatch
from xttslab.evaluation.told_apart import score_told_apart, told_themselves

# Aspects of a set of clips as a whole; all others are means over its clips.
_BY_SET = {"emotion", "consistency", "pace", "told_apart"}
# Aspects for which the real clips are cut to the lengths of the spoken ones.
_LIKE_LENGTHS = ("pace", "told_apart")


def score_clips(
    clips: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    scoring: Scoring,
    others: Sequence[SpokenClip] = (),
    tone_references: Sequence[SpokenClip] | None = None,
    progress: bool = True,
) -> Scorecard:
    """Score spoken clips beside real ones.

    Args:
        clips: what was spoken, at least one.
        references: held-out real clips of the speaker, with texts; the ceilings of all scales.
        others: clips of other speakers, the floor of voice similarity.
        tone_references: real clips with categories for the tone, `references` when None. They
            need no recognition and cost little: give all there are.
        progress: show a bar for each stage.

    Raises UserError when there is nothing to score, or two clips share a name.
    """
    require_clips(clips)
    return Scorer(references, scoring, others, tone_references, progress).score(clips)


class Scorer:
    """Scores sets of clips beside the same real recordings, which are measured once.

    The arguments are those of `score_clips`; `watch` adds up the stages of all its measurements.
    """

    def __init__(
        self,
        references: Sequence[SpokenClip],
        scoring: Scoring,
        others: Sequence[SpokenClip] = (),
        tone_references: Sequence[SpokenClip] | None = None,
        progress: bool = True,
        watch: Stopwatch | None = None,
    ) -> None:
        self.scoring, self.progress, self.watch = scoring, progress, watch
        self.measures = KeptMeasures(scoring)
        measured = self.measures.measure(references, progress, watch, keep=True)
        prosody = real_prosody(references, measured.prosody)
        if tone_references is not None:
            found = self.measures.prosody(tone_references, progress, watch)
            prosody = real_prosody(tone_references, found)
        self.real = RealSpeech(measured, embed_all([at_16k(clip) for clip in others]), prosody)

    @classmethod
    def beside(cls, real: RealSpeech, scoring: Scoring) -> Scorer:
        """A scorer beside recordings that were measured before."""
        scorer = cls.__new__(cls)
        scorer.scoring, scorer.progress, scorer.watch, scorer.real = scoring, False, None, real
        scorer.measures = KeptMeasures(scoring)
        return scorer

    def score(self, clips: Sequence[SpokenClip]) -> Scorecard:
        """Measure and score `clips`; raises UserError for none, or for two of one name."""
        require_clips(clips)
        return self.score_measured(self.measures.measure(clips, self.progress, self.watch))

    def score_references(self) -> Scorecard:
        """The real recordings themselves: what a perfect voice would get. Each one's similarity
        is to the others; raises UserError where there is none."""
        require_clips(self.real.measured.clips)
        return self.score_measured(self._leaving_itself_out(self.real.measured), themselves=True)

    def score_copies(self, copies: Sequence[SpokenClip]) -> Scorecard:
        """Copies of the real recordings, in their order: each one's similarity leaves out the
        recording that it is a copy of. Raises UserError as `score` does."""
        require_clips(copies)
        measured = self.measures.measure(copies, self.progress, self.watch)
        return self.score_measured(self._leaving_itself_out(measured))

    def _leaving_itself_out(self, measured: Measured) -> Measured:
        real = self.real.measured.voices
        found = {
            name: similarity_to_others(embeddings, real[name])
            for name, embeddings in measured.voices.items()
            if name in real
        }
        return measured.with_values(found)

    def score_measured(self, measured: Measured, themselves: bool = False) -> Scorecard:
        """Score clips that were measured before; `themselves`: they are the real recordings."""
        voices = measured.voices.items()
        near = {name: self.real.similarity(name, vectors) for name, vectors in voices}
        measured = measured.with_values(near)
        clips = _clip_set(measured, self.scoring)
        aspects = {
            name: self._score_means(name, measured, clips)
            for name in ASPECTS
            if name not in _BY_SET
        }
        aspects["emotion"], features, reason = score_emotion(
            measured.prosody, self.real.prosody, clips
        )
        found = {name: scored for name, scored in aspects.items() if scored is not None}
        rule = self.scoring.scales["spread"]
        real = self._real_shares(found, measured)
        spread = score_spread(found, real, (rule.floor, rule.ceiling), clips)
        if spread is not None:
            found["consistency"] = spread
        if smooth := found.get("smoothness"):
            own, confidence = self.real.measured.values, self.scoring.confidence
            told = with_mannerisms(smooth, measured.values, own, clips.counts, confidence)
            found["smoothness"] = told
        beside = self._beside_real(measured, clips, themselves)
        found |= {name: scored for name, (scored, _) in beside.items() if scored is not None}
        why = {ASPECTS[name].measures[0]: told for name, (_, told) in beside.items()}
        why |= {"emotion_distance": reason}
        doubts = self.real.doubts(self.scoring)
        return make_card(measured, found, features, why, doubts, self.real.prosody, self.scoring)

    def _beside_real(
        self, measured: Measured, clips: ClipSet, themselves: bool
    ) -> dict[str, tuple[ScoredAspect | None, str]]:
        """Aspects for which the real clips are cut to the lengths of the spoken ones: the scored
        one, or why there is none."""
        scales = self.scoring.scales
        usable = VOICE in measured.voices and not {"pace_distance", VOICE} & {*measured.missing}
        real = self.real.alike([c.seconds for c in measured.clips]) if usable else None
        if real is None:
            why = measured.missing.get(VOICE) or measured.missing.get("pace_distance")
            return dict.fromkeys(
                _LIKE_LENGTHS, (None, why or "there are no real clips with speech")
            )
        own = told_features(measured.voices[VOICE], measured.values)
        texts = [clip.text or clip.name for clip in self.real.measured.clips]
        if themselves:
            told = told_themselves(own, texts, clips, scales["told_apart_auc"])
        else:
            told = score_told_apart(own, real, texts, clips, scales["told_apart_auc"])
        return {
            "told_apart": told,
            "pace": score_pace(own["prosody"], real["prosody"], clips, scales["pace_distance"]),
        }

    def _score_means(self, aspect: str, measured: Measured, clips: ClipSet) -> ScoredAspect | None:
        """Score an aspect by the first of its measures that was taken; the others are details."""
        scored: list[ScoredAspect] = []
        for name in ASPECTS[aspect].measures:
            if name in measured.missing:
                continue
            values = measured.values.get(name, np.full(len(measured.clips), np.nan))
            weights = measured.weights.get(name, np.ones(len(values)))
            found = self._score_mean(name, values, weights, measured, clips)
            scored += [found] if found else []
        if not scored:
            return None
        first, *rest = scored
        opinions = {f"score_by_{other.measure}": 10 * min(other.share, 1.0) for other in rest}
        return first.with_details(opinions)

    def _score_mean(
        self,
        name: str,
        values: np.ndarray,
        weights: np.ndarray,
        measured: Measured,
        clips: ClipSet,
    ) -> ScoredAspect | None:
        if name not in measured.voices:
            return score_means(name, values, weights, self.real.scale(name, self.scoring), clips)
        # Where no voice is found there is no value: that must cost scores, not save them.
        voiceless = np.isnan(measured.voices[name]).any(axis=1)
        clips = replace(clips, mute=clips.mute | voiceless)
        seconds = np.array([clip.seconds for clip in measured.clips])
        ceiling = self.real.voice_ceiling(name, seconds)
        scale = self.real.scale(name, self.scoring, ceiling)
        each = None if ceiling is None else scale.least_ceilings(ceiling.at(seconds))
        return score_means(name, values, weights, scale, clips, each)

    def _real_shares(
        self, aspects: Mapping[str, ScoredAspect], measured: Measured
    ) -> dict[str, np.ndarray]:
        """Shares of the single real clips by aspect: how much natural speech varies."""
        shares = {}
        for name, scored in aspects.items():
            if name == "emotion":
                shares[name] = real_shares(self.real.prosody)
                continue
            values = self.real.measured.values.get(scored.measure)
            ceiling = None
            if scored.measure in ENCODERS:
                lengths = [clip.seconds for clip in measured.clips]
                ceiling = self.real.voice_ceiling(scored.measure, lengths)
                values = ceiling.values if ceiling else None
            if values is not None:
                scale = self.real.scale(scored.measure, self.scoring, ceiling)
                shares[name] = scale.share(values)
        return shares


def _clip_set(measured: Measured, scoring: Scoring) -> ClipSet:
    texts = tuple(clip.text or clip.name for clip in measured.clips)
    counts = draw_counts(texts, scoring.bootstrap, scoring.seed)
    return ClipSet(tuple(clip.category for clip in measured.clips), texts, measured.mute, counts)


MOST_REFERENCES = 20  # held-out clips behind the ceilings: they are recognised once, 1 to 2 s each


def sample(
    name: str, wave: np.ndarray, rate: int, text: str, category: str, codes: Sequence[int] = ()
) -> SpokenClip:
    """A spoken sample as the scorer takes it.

    `wave` is float (n,) at `rate` Hz; what is not finite in it (a model that diverged) becomes
    silence and so costs scores. `codes` are its audio codes, where they are known.
    """
    clean = np.nan_to_num(np.asarray(wave, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return SpokenClip(name, clean, rate, text, category, codes=tuple(codes) or None)


class SampleScorer:
    """Scores the samples of one epoch after another beside the same held-out recordings.

    Args:
        clips: all clips of the data set; those of split `eval` are the ceilings, all of them (with
            a category that somebody named) are what the tone is read against.
        scoring: `conf/evaluation/`, instantiated (`evaluation.scoring`).
        others: clips of other speakers, the floor of voice similarity; none: the fixed one.
    """

    def __init__(
        self, clips: Sequence[Clip], scoring: Scoring, others: Sequence[SpokenClip] = ()
    ) -> None:
        self.clips, self.scoring, self.others = tuple(clips), scoring, tuple(others)
        self._scorer: Scorer | None = None

    def score(self, samples: Sequence[SpokenClip]) -> Scorecard:
        """The scorecard of one epoch's samples.

        `.aspects[name].score` is None where an aspect was not measured, `.metrics()` has all scores
        under their MLflow names. The first call takes longer, for the real recordings. Raises
        UserError for no sample, two of one name, or a recording of the data set that cannot be
        read.
        """
        import torch

        # Building a predictor draws random weights before it loads the trained ones: without this
        # a training that scores would see other dropout than one that does not.
        with torch.random.fork_rng(devices=[]):
            if self._scorer is None:
                real = real_clips(self.clips, MOST_REFERENCES)
                self._scorer = Scorer(
                    real.held_out, self.scoring, self.others, real.all, progress=False
                )
            return self._scorer.score(samples)
