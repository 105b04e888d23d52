"""A voice and its sentences in; what it, its base, its codec and the real speaker score out.

The rows are comparable: all are marked beside the same held-out recordings.

- `run`: the voice itself;
- `zero_shot`: the base that it was trained from, saying the same after the same references;
- `codec`: the held-out recordings through codes and decoder, the most that a GPT can reach;
- `real`: the held-out recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xttslab.errors import UserError
from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.long_text import LongText, score_long_text
from xttslab.evaluation.references import held_out, real_clips
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.judging.codec_row import through_codec
from xttslab.judging.sentences import Sentences, Take, plan_takes
from xttslab.judging.subject import Subject
from xttslab.judging.takes import orders_for, renamed, speak_takes
from xttslab.model.voice import Speaking

RUN, ZERO_SHOT, CODEC, REAL = "run", "zero_shot", "codec", "real"
BESIDE = (ZERO_SHOT, CODEC)


@dataclass(frozen=True)
class Plan:
    """What is spoken. `seeds` of the run's takes, `zero_shot_seeds` of its base's; `rows` names
    what is shown beside the run; `settings` how to speak."""

    sentences: Sentences
    seeds: Sequence[int]
    zero_shot_seeds: Sequence[int]
    rows: Sequence[str]
    settings: Speaking

    def __post_init__(self) -> None:
        unknown = [row for row in self.rows if row not in BESIDE]
        if unknown:
            raise UserError(f"rows holds {unknown[0]!r}; it may hold {', '.join(BESIDE)}")


@dataclass(frozen=True)
class Evaluation:
    """`cards` and `audio` by row; the long text and its score; categories that were not spoken,
    for the voice has no reference of them."""

    cards: Mapping[str, Scorecard]
    audio: Mapping[str, Sequence[SpokenClip]]
    long: LongText | None
    long_audio: SpokenClip | None
    left_out: Sequence[str]


def evaluate(
    subject: Subject,
    plan: Plan,
    scoring: Scoring,
    others: Sequence[SpokenClip] = (),
    watch: Stopwatch | None = None,
) -> Evaluation:
    """Speak and score everything; `others` are clips of other speakers, `watch` times stages."""
    watch = watch or Stopwatch()
    with watch.stage("speak"):
        audio, left_out = _spoken(subject, plan)
        long = _long_clip(subject, plan)
    if ZERO_SHOT in plan.rows:
        with watch.stage("zero-shot"):
            audio |= _zero_shot(subject, plan)
    if CODEC in plan.rows:
        with watch.stage("codec"):
            copies = through_codec(subject.speaker, held_out(subject.clips), plan.settings)
            audio[CODEC] = renamed(copies, CODEC)
    with watch.stage("read"):
        real = real_clips(subject.clips)
    scorer = Scorer(real.held_out, scoring, others, real.all, watch=watch)
    cards = {
        row: scorer.score_copies(clips) if row == CODEC else scorer.score(clips)
        for row, clips in audio.items()
    }
    cards[REAL] = scorer.score_references()
    score = None
    if long is not None:
        with watch.stage("long text"):
            score = score_long_text(long, scorer, _short_cer(cards[RUN]))
    return Evaluation(cards, audio, score, long, left_out)


def _spoken(subject: Subject, plan: Plan) -> tuple[dict[str, Sequence[SpokenClip]], list[str]]:
    categories = subject.speaker.categories
    takes, left_out = plan_takes(plan.sentences, categories, plan.seeds)
    orders = orders_for(subject.speaker, takes, plan.settings)
    return {RUN: speak_takes(subject.speaker, orders)}, left_out


def _long_clip(subject: Subject, plan: Plan) -> SpokenClip | None:
    if not plan.sentences.long.strip():
        return None
    known = subject.speaker.categories
    after = plan.sentences.reference if plan.sentences.reference in known else known[0]
    take = Take("long_text", "long", "", after, plan.sentences.long, plan.seeds[0])
    return speak_takes(subject.speaker, orders_for(subject.speaker, [take], plan.settings))[0]


def _zero_shot(subject: Subject, plan: Plan) -> dict[str, Sequence[SpokenClip]]:
    """What the base says, or nothing where the subject is a base itself."""
    speaker = subject.zero_shot()
    if speaker is None:
        return {}
    takes, _ = plan_takes(plan.sentences, speaker.categories, plan.zero_shot_seeds)
    clips = speak_takes(speaker, orders_for(speaker, takes, plan.settings))
    return {ZERO_SHOT: renamed(clips, ZERO_SHOT)}


def _short_cer(card: Scorecard) -> float | None:
    score = card.aspects["pronunciation"]
    return score.value if score.measure == "cer" and score.mark is not None else None
