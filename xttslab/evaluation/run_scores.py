"""Speaks the sentences with a run and the systems beside it, and scores them and a long text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xttslab.data.audio import read_audio
from xttslab.data.manifest import Clip
from xttslab.data.predictors import PredictorMissing
from xttslab.errors import UserError
from xttslab.evaluation.base_scores import BaseRow, BaseScores
from xttslab.evaluation.pronunciation import normalise, pooled_rate
from xttslab.evaluation.scorecard import CODEC, REAL, RUN, ZERO_SHOT, Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.speaker_similarity import VOICE, voice_drift
from xttslab.evaluation.spoken_clips import SpokenClip, at_16k, held_out, real_clips
from xttslab.evaluation.stage_runner import Stopwatch
from xttslab.evaluation.subject import Subject
from xttslab.evaluation.take_judge import judge_for
from xttslab.evaluation.utterances import (
    Sentences,
    Utterance,
    orders_for,
    plan_utterances,
    renamed,
    speak_utterances,
)
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Generated
from xttslab.model.transformer import run_blocks
from xttslab.model.voice import Speaking, Voice
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.take_guard import GuardTally, TakeGuard

_LEAST_CER = 0.01  # of short sentences in a ratio: one error in a hundred letters is chance
BESIDE = (ZERO_SHOT, CODEC)


@dataclass(frozen=True)
class EvaluationPlan:
    """What is spoken, each sentence once with each of the `seeds`; `rows` names what is shown
    beside the run, its base with the same sentences and seeds; `settings` how to speak. Of
    several `takes` of a piece the best is kept (`speaking.take_guard`)."""

    sentences: Sentences
    seeds: Sequence[int]
    rows: Sequence[str]
    settings: Speaking
    takes: int = 1

    def __post_init__(self) -> None:
        unknown = [row for row in self.rows if row not in BESIDE]
        if unknown:
            raise UserError(f"rows holds {unknown[0]!r}; it may hold {', '.join(BESIDE)}")
        if not self.seeds or not all(isinstance(seed, int) and seed >= 0 for seed in self.seeds):
            shown = ",".join(map(str, self.seeds))
            raise UserError(f"seeds=[{shown}]: give one or more whole numbers, such as [7,8]")

    def guard(self, scoring: Scoring) -> TakeGuard | None:
        """What chooses among takes, with the scoring's recogniser; None for one take."""
        if self.takes == 1:
            return None
        return TakeGuard(judge_for(scoring.recogniser, scoring.language), self.takes)


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


@dataclass(frozen=True)
class Evaluation:
    """`cards` and `audio` by row; the long text and its score; categories that were not spoken,
    for the voice has no reference of them; what a guard found in the run's speech."""

    cards: Mapping[str, Scorecard]
    audio: Mapping[str, Sequence[SpokenClip]]
    long: LongText | None
    long_audio: SpokenClip | None
    left_out: Sequence[str]
    guarded: GuardTally | None = None


def evaluate(
    subject: Subject,
    plan: EvaluationPlan,
    scoring: Scoring,
    other_speakers: Sequence[SpokenClip] = (),
    watch: Stopwatch | None = None,
    systems: Mapping[str, Sequence[SpokenClip]] | None = None,
    base: BaseScores | None = None,
) -> Evaluation:
    """Speak and score everything.

    Args:
        other_speakers: clips of other speakers, the floor of voice similarity.
        watch: times the stages.
        systems: what other systems said of the same sentences, by name.
        base: where the base is looked for and kept; None: it is spoken and scored here.
    """
    watch = watch or Stopwatch()
    with watch.stage("speak"):
        spoken, guarded, left_out = _spoken(subject.speaker, plan, plan.guard(scoring))
        audio: dict[str, Sequence[SpokenClip]] = {RUN: spoken}
        long = _long_clip(subject, plan)
    if CODEC in plan.rows:
        with watch.stage("codec"):
            copies = through_codec(subject.speaker, held_out(subject.clips), plan.settings)
            audio[CODEC] = renamed(copies, CODEC)
    with watch.stage("read"):
        real = real_clips(subject.clips)
    scorer = Scorer(real.held_out, scoring, other_speakers, real.all, watch=watch)
    cards = {RUN: scorer.score(audio[RUN])}
    if ZERO_SHOT in plan.rows and (row := _base_row(subject, plan, scorer, base, cards[RUN])):
        cards[ZERO_SHOT], audio[ZERO_SHOT] = row
    for name, clips in (systems or {}).items():
        cards[name], audio[name] = scorer.score(clips), clips
    if CODEC in audio:
        cards[CODEC] = scorer.score_copies(audio[CODEC])
    cards[REAL] = scorer.score_references()
    score = None
    if long is not None:
        with watch.stage("long text"):
            score = score_long_text(long, scorer, _short_cer(cards[RUN]))
    return Evaluation(cards, audio, score, long, left_out, guarded)


def _spoken(
    speaker: Speaker, plan: EvaluationPlan, guard: TakeGuard | None
) -> tuple[list[SpokenClip], GuardTally | None, list[str]]:
    """The planned clips, what a guard found in them, and the categories that were not spoken."""
    utterances, left_out = plan_utterances(plan.sentences, speaker.categories, plan.seeds)
    orders = orders_for(speaker, utterances, plan.settings)
    speaker.guard = guard
    try:
        clips = speak_utterances(speaker, orders)
    finally:
        speaker.guard = None
    return clips, guard.tally if guard else None, left_out


def _long_clip(subject: Subject, plan: EvaluationPlan) -> SpokenClip | None:
    if not plan.sentences.long.strip():
        return None
    known = subject.speaker.categories
    after = plan.sentences.reference if plan.sentences.reference in known else known[0]
    utterance = Utterance("long_text", "long", "", after, plan.sentences.long, plan.seeds[0])
    return speak_utterances(
        subject.speaker, orders_for(subject.speaker, [utterance], plan.settings)
    )[0]


def _base_row(
    subject: Subject, plan: EvaluationPlan, scorer: Scorer, kept: BaseScores | None, run: Scorecard
) -> BaseRow | None:
    """What the base says and its scores, kept from an earlier evaluation where they are; None
    where the subject is a base itself."""
    if kept and (row := kept.read(run)):
        return row
    with (scorer.watch or Stopwatch()).stage("base"):
        speaker = subject.zero_shot()
        if speaker is None:
            return None
        spoken, _, _ = _spoken(speaker, plan, plan.guard(scorer.scoring))
    clips = renamed(spoken, ZERO_SHOT)
    row = scorer.score(clips), clips
    if kept:
        kept.keep(row)
    return row


def through_codec(speaker: Speaker, clips: Sequence[Clip], settings: Speaking) -> list[SpokenClip]:
    """Encode and decode each clip, whole and at its own speed, after the reference of its category.

    Returns clips at 24 kHz under the manifest's names. Raises UserError for a recording that cannot
    be read.
    """
    whole = replace(settings, speed=1.0, trim_babble=False)
    return [_recoded(speaker, clip, whole) for clip in clips]


@torch.no_grad()
def _recoded(speaker: Speaker, clip: Clip, settings: Speaking) -> SpokenClip:
    voice = speaker.voice
    known = clip.category in speaker.categories
    latents, embedding = speaker.references.prompt(
        clip.category if known else None, settings=settings
    )
    codes, _ = voice.codec.encode([read_audio(clip.audio)])[0]
    told = torch.from_numpy(codes.astype("int64")).to(latents.device)  # (T,)
    tokens = speaker.tokenizer.encode(speaker.lexicon.apply(clip.text), speaker.language)
    text = torch.from_numpy(tokens).to(latents.device)
    states = hidden_states(voice, latents, text, told)
    generated = Generated(told, states, torch.zeros(len(states)), ended=True)
    wave = voice.decode(generated, embedding, settings)
    category = "" if clip.category_assumed else clip.category
    name = f"{clip.id.replace('/', '_')}.wav"
    return SpokenClip(name, wave, SPEECH_RATE, clip.text, category, 0, "real", tuple(told.tolist()))


def hidden_states(voice: Voice, latents: Tensor, text: Tensor, codes: Tensor) -> Tensor:
    """The GPT's states while it reads codes (T,) for text (N,) after latents (32, D).

    Row t predicts code t, the last of (T + 1, D) the stop token: what `generate` gives for speech
    of its own.
    """
    gpt = voice.gpt
    words = [text.new_tensor([gpt.start_text_token]), text, text.new_tensor([gpt.stop_text_token])]
    sounds = torch.cat([codes.new_tensor([gpt.start_audio_token]), codes])
    embedded = torch.cat(
        [latents[None], gpt.embed_text(torch.cat(words)[None]), gpt.embed_audio(sounds[None])],
        dim=1,
    )  # (1, 32 + N + 2 + T + 1, D)
    return gpt.final_norm(run_blocks(gpt.gpt, embedded))[0, -len(sounds) :]


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
    real = scorer.real.measured.voices.get(VOICE)
    if real is None:
        return None
    drift = voice_drift(at_16k(clip), real)
    return None if drift != drift else drift


def _short_cer(card: Scorecard) -> float | None:
    score = card.aspects["pronunciation"]
    return score.value if score.measure == "cer" and score.score is not None else None
