"""Sets a run against its own base: nearer to the speaker, better understood, more natural?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xttslab.evaluation.aspects import OVERALL, TITLES
from xttslab.evaluation.scorecard import ZERO_SHOT, Scorecard
from xttslab.evaluation.settings import require_draws
from xttslab.reporting.findings import Findings
from xttslab.reporting.pairing import Difference, on_other_scales, score_differences, utterances
from xttslab.reporting.run_data import RunData
from xttslab.reporting.scores import Scores

BETTER, WORSE, ALIKE, MIXED, UNKNOWN = "better", "worse", "no better", "mixed", "not measured"
QUESTIONS = {
    "voice_similarity": ("Nearer to the speaker", "farther from the speaker"),
    "pronunciation": ("Better understood", "less well understood"),
    "naturalness": ("More natural", "less natural"),
}


@dataclass(frozen=True)
class WorthRules:
    """See `conf/rules/`: the least difference to the base that counts, `score` out of 10; its
    interval, of `draws`, must lie on one side of 0 with `confidence` in all questions together.
    Fewer common `sentences` conclude nothing. Below `wrong_voice` out of 10 for similarity a voice
    is not the speaker's."""

    score: float
    confidence: float
    draws: int
    sentences: int
    wrong_voice: float

    def __post_init__(self) -> None:
        require_draws(self.draws, "rules.worth.draws")


@dataclass(frozen=True)
class Answer:
    """One question about a run beside its base. `state` is `better`, `worse`, `no better` or `not
    measured`; `why` says why a difference was not measured."""

    aspect: str
    state: str
    difference: Difference | None
    why: str = ""

    @property
    def question(self) -> str:
        """What is asked, as the beginning of a line: "Nearer to the speaker"."""
        return QUESTIONS[self.aspect][0]

    @property
    def said(self) -> str:
        """The answer in words: yes, no, or how it is worse."""
        return {
            BETTER: "yes",
            WORSE: f"no: {QUESTIONS[self.aspect][1]}",
            ALIKE: "no",
            UNKNOWN: UNKNOWN,
        }[self.state]

    @property
    def numbers(self) -> str:
        """`6.2 → 7.4 (+0.61 to +1.83, 28 pairs)`, or why there are none."""
        found = self.difference
        if found is None or found.interval is None:
            return self.why
        between = f"{found.interval.low:+.2f} to {found.interval.high:+.2f}".replace("-", "−")
        pairs = "1 pair" if found.count == 1 else f"{found.count} pairs"
        return f"{found.first:.1f} → {found.second:.1f} ({between}, {pairs})"


@dataclass(frozen=True)
class Worth:
    """Whether a run is better than its base. `base` says which that is, `origin` which samples
    were compared, `notes` what limits the comparison, `remedy` how to measure what is missing."""

    base: str
    state: str
    answers: Sequence[Answer]
    overall: Difference | None = None
    origin: str = ""
    notes: Sequence[str] = ()
    remedy: str = ""

    @property
    def against(self) -> str:
        """`No better than the base`: the state as the beginning of a sentence."""
        return {
            BETTER: f"Better than {self.base}",
            WORSE: f"Worse than {self.base}",
            ALIKE: f"No better than {self.base}",
            MIXED: f"Better and worse than {self.base}",
            UNKNOWN: f"Not compared with {self.base}",
        }[self.state]

    def named(self, state: str) -> list[str]:
        """What is in that state: `nearer to the speaker`, or `less natural`."""
        return [
            QUESTIONS[one.aspect][state == WORSE].lower()
            for one in self.answers
            if one.state == state
        ]


def worth_of(run: RunData, findings: Findings, scores: Scores, rules: WorthRules) -> Worth:
    """Compare what a run and its base said of the same sentences, seeds and references.

    The evaluation's base counts; without one the samples of epoch 0, before any training.
    """
    base, start = scores.beside.get(ZERO_SHOT), run.tags.get("init_from_name")
    named = "the base"
    if scores.epoch is not None and start:  # epoch 0 is the run that it went on from
        named = f"its start, {start}"
    remedy = f"python -m xttslab.evaluate run={run.name}"
    if scores.epoch == 0 or (findings.choice.epoch == 0 and base is None):
        why = "no epoch is better than the start, so the weights are the same"
        return Worth(named, ALIKE, _unknown(why), origin=scores.origin, notes=[why])
    if base is None or scores.card is None:
        why = "the run was not scored" if scores.card is None else "its base was not scored"
        why = next(iter(scores.missing.values()), why) if scores.card is None else why
        return Worth(named, UNKNOWN, _unknown(why), notes=[why], remedy=remedy)
    few = _common_sentences(base, scores.card) < rules.sentences
    each = 1 - (1 - rules.confidence) / len(QUESTIONS)  # Bonferroni: three chances to be wrong
    found = {} if few else score_differences(base, scores.card, rules.draws, each)
    answers = [_answer(aspect, found.get(aspect), base, scores.card, rules) for aspect in QUESTIONS]
    notes = _limits(base, scores.card, rules)
    state = _state([answer.state for answer in answers])
    overall = found.get(OVERALL)
    return Worth(
        named, state, answers, overall, scores.origin, notes, remedy if state == UNKNOWN else ""
    )


def _unknown(why: str) -> list[Answer]:
    return [Answer(aspect, UNKNOWN, None, why) for aspect in QUESTIONS]


def _answer(
    aspect: str, found: Difference | None, base: Scorecard, card: Scorecard, rules: WorthRules
) -> Answer:
    if found is None:
        return Answer(aspect, UNKNOWN, None, _why_unknown(aspect, base, card))
    between = found.interval
    certain = between is not None and (between.low > 0 or between.high < 0)
    if not certain or abs(found.value) < rules.score:
        return Answer(aspect, ALIKE, found)
    return Answer(aspect, BETTER if found.value > 0 else WORSE, found)


def _why_unknown(aspect: str, base: Scorecard, card: Scorecard) -> str:
    for one, whose in ((card, "of the run"), (base, "of the base")):
        score = one.aspects.get(aspect)
        if score is None or score.score is None:
            return f"{TITLES[aspect].lower()} {whose}: {score.missing if score else UNKNOWN}"
    if aspect in on_other_scales(base, card):
        return "the two were scored beside other real recordings or by another recogniser"
    return "too few sentences in common"


def _common_sentences(base: Scorecard, card: Scorecard) -> int:
    return len({key[0] for key in utterances(base).keys() & utterances(card).keys()})


def _limits(base: Scorecard, card: Scorecard, rules: WorthRules) -> list[str]:
    """What the reader should know of the pairs: few of them, or sentences that only one said."""
    one, other = utterances(base), utterances(card)
    common, texts = len(one.keys() & other.keys()), _common_sentences(base, card)
    notes = []
    if common < max(len(one), len(other)):
        notes.append(
            f"only {common} utterances are common to both (the run has {len(other)}, the base "
            f"{len(one)}): nothing else is compared"
        )
    if texts < rules.sentences:
        sentences = "1 sentence" if texts == 1 else f"{texts} sentences"
        notes.append(f"{sentences} in common conclude nothing: it takes {rules.sentences} or more")
    return notes


def _state(states: Sequence[str]) -> str:
    if BETTER in states:
        return MIXED if WORSE in states else BETTER
    if WORSE in states:
        return WORSE
    return ALIKE if ALIKE in states else UNKNOWN


GOOD, BAD, OPEN = "good", "bad", "open"


@dataclass(frozen=True)
class Judgement:
    """What to do with a run's voice, in one line: `tone` is `good` (deploy it), `bad` (do not) or
    `open` (not known, or listen first); `reasons` stand below it. `no_gain`: it is another voice,
    or no better than its base."""

    headline: str
    tone: str
    reasons: Sequence[str]
    no_gain: bool = False


def judge(
    findings: Findings, scores: Scores, unmet: Sequence[str], worth: Worth, rules: WorthRules
) -> Judgement:
    """Deploy, train on, listen first or leave it. `unmet` are the minimum gates not met."""
    reasons = [f"Not met: {', '.join(unmet)}."] if unmet else []
    voice = scores.by_aspect.get("voice_similarity")
    if voice is not None and voice.value < rules.wrong_voice:
        said = f"Voice similarity is {voice.value:.1f} of 10; below {rules.wrong_voice:g} it is "
        reasons.insert(0, f"{said}another person's voice. {worth.against}.")
        return Judgement("The voice is not the speaker's: do not deploy it", BAD, reasons, True)
    if worth.state == UNKNOWN:
        reasons.insert(0, f"{'; '.join(worth.notes) or 'nothing was measured'}: {worth.remedy}")
        return Judgement("Not known yet whether it is better than the base", OPEN, reasons)
    if worth.state in (ALIKE, WORSE):
        return Judgement(f"{worth.against}: do not deploy it", BAD, [*worth.notes, *reasons], True)
    if worth.state == MIXED:
        told = f"{_joined(worth.named(BETTER))}, but {_joined(worth.named(WORSE))}"
        headline = f"{told[:1].upper()}{told[1:]} than {worth.base}: listen before you deploy it"
        return Judgement(headline, OPEN, reasons)
    if unmet:
        return Judgement(f"{worth.against}, but not good enough to deploy", BAD, reasons)
    trend = findings.trend
    if trend and trend.falling and not findings.overfitting:
        headline = f"{worth.against}; train it on, to about epoch {trend.worth_until}"
        return Judgement(headline, GOOD, [f"{findings.fall_said}.", *reasons])
    epoch = findings.choice.epoch
    at = "" if epoch is None else f" (checkpoint of epoch {epoch})"
    return Judgement(f"{worth.against}: deploy it{at}", GOOD, reasons)


def _joined(words: Sequence[str]) -> str:
    return " and ".join(words)
