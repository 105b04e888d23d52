"""Concludes from the differences between runs: deploy one, train on, or no difference.

A difference counts when its interval lies on one side of zero and it is larger than what the random
seed alone may change. Listeners outweigh scores, scores outweigh losses: the lowest loss is not
always the best voice. Text gain (what the right text helps) decides where none of them does, and a
run with less of it does not win by scores or losses: a voice that ignores its text is no use,
however well it continues the audio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xttslab.evaluation.aspects import OVERALL
from xttslab.evaluation.settings import require_draws
from xttslab.reporting.findings import Findings
from xttslab.reporting.pairing import Difference
from xttslab.reporting.run_data import RunData
from xttslab.reporting.votes import Preference
from xttslab.reporting.worth import BAD, GOOD, OPEN, Judgement


@dataclass(frozen=True)
class VerdictRules:
    """Least differences that count: `nats` of loss, `text_gain` in nats that the right text helps,
    `score` out of 10, and the least number of A/B votes; `draws` of the bootstrap."""

    nats: float
    text_gain: float
    score: float
    votes: int
    draws: int

    def __post_init__(self) -> None:
        require_draws(self.draws, "verdict.draws")


@dataclass(frozen=True)
class PairEvidence:
    """What speaks about a second run against the first; parts are None where not measured.

    `obstacle` says why losses and text gain are not compared at all, `scores_obstacle` why scores
    are not; empty where they are."""

    first: str
    second: str
    loss: Difference | None
    scores: Mapping[str, Difference]
    preference: Preference | None
    obstacle: str = ""
    scores_obstacle: str = ""
    text_gain: Difference | None = None


@dataclass(frozen=True)
class Decision:
    """Which of two runs is better (None: no measurable difference), why, and by what evidence.

    `compared` is False where the two have nothing in common that was measured. `barred` is the
    run that scores or losses speak for and that does not win, since its text gain is lower."""

    winner: str | None
    by: str
    reasons: Sequence[str]
    compared: bool = True
    barred: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The headline, its reasons, and what would change it; `tone` as of a `Judgement`."""

    headline: str
    winner: str | None
    reasons: Sequence[str]
    would_change: Sequence[str]
    tone: str = OPEN


def decide(evidence: PairEvidence, rules: VerdictRules) -> Decision:
    """Decide one pair by listeners, else by the overall score, else by loss, else by text gain.

    Where scores or losses speak for the run with less text gain, neither wins.
    """
    higher, gain = _by_text_gain(evidence, rules)
    lower = {evidence.first: evidence.second, evidence.second: evidence.first}.get(higher)
    sources = (
        ("listeners", _by_listeners(evidence, rules)),
        ("measured scores", _by_scores(evidence, rules)),
        ("loss", _by_loss(evidence, rules)),
        ("text gain", (higher, gain)),
    )
    reasons = [reason for _, (_, reason) in sources]
    for source, (winner, _) in sources:
        if winner is None:
            continue
        if winner == lower and source != "listeners":  # they heard whether it says its text
            reasons.append(
                f"{winner} does not win by {source}: its text gain is below that of {higher}"
            )
            return Decision(None, "", reasons, barred=lower)
        if source == "text gain":
            reasons.append(
                f"losses do not tell them apart, text gain does: that of {lower} is lower"
            )
        return Decision(winner, source, reasons)
    known = (evidence.loss, evidence.scores.get(OVERALL), evidence.preference)
    return Decision(None, "", reasons, any(part is not None for part in known))


@dataclass(frozen=True)
class Contender:
    """A run that may be deployed: its findings, the minimum gates that it does not meet, and what
    its own report says of it beside its base."""

    run: RunData
    findings: Findings
    unmet: Sequence[str]
    judgement: Judgement

    @property
    def at(self) -> str:
        """Which weights of it are meant, after its name."""
        epoch = self.findings.choice.epoch
        if epoch == 0:
            return " as it was before training (no epoch of it is better)"
        return "" if epoch is None else f" (checkpoint of epoch {epoch})"


def conclude(
    runs: Sequence[Contender],
    decisions: Mapping[tuple[str, str], Decision],
    rules: VerdictRules,
) -> Verdict:
    """The verdict over all runs: the one that no other beats, and whether it should train on."""
    names = [one.run.name for one in runs]
    several = len(decisions) > 1
    reasons = [
        f"{' against '.join(pair)}: {reason}" if several else reason
        for pair, decision in decisions.items()
        for reason in decision.reasons
    ]
    changes = _would_change(decisions, rules)
    beaten = {
        loser
        for pair, decision in decisions.items()
        for loser in pair
        if decision.winner and loser != decision.winner
    }
    unbeaten = [name for name in names if name not in beaten]
    if headline := _undecided(unbeaten or names, decisions):
        left = [one for one in runs if one.run.name in (unbeaten or names)]
        if all(one.judgement.no_gain for one in left):
            headline += ", and none is better than its base: do not deploy them"
            return Verdict(headline, None, reasons, changes, BAD)
        return Verdict(headline, None, reasons, changes)
    winner = next(one for one in runs if one.run.name == unbeaten[0])
    return _about_winner(winner, reasons, changes)


def _undecided(unbeaten: Sequence[str], decisions: Mapping[tuple[str, str], Decision]) -> str:
    """Why no run is the best; empty where one is."""
    won = any(decision.winner for decision in decisions.values())
    barred = {decision.barred for decision in decisions.values()}
    less_gain = [name for name in unbeaten if name in barred]
    if less_gain and (not won or len(unbeaten) == 1):
        return f"No winner: {', '.join(less_gain)} does better but has less text gain"
    if not won:
        compared = any(decision.compared for decision in decisions.values())
        return "No measurable difference" if compared else "These runs cannot be compared"
    if len(unbeaten) != 1:
        return f"No single best: {', '.join(unbeaten)} cannot be told apart"
    return ""


def _about_winner(winner: Contender, reasons: Sequence[str], changes: Sequence[str]) -> Verdict:
    name, findings, unmet = winner.run.name, winner.findings, winner.unmet
    named = f"{name}{winner.at}"
    if winner.judgement.no_gain:
        told = winner.judgement.headline
        headline = f"{named} is the best, but {told[:1].lower()}{told[1:]}"
        return Verdict(headline, name, [*winner.judgement.reasons, *reasons], changes, BAD)
    trend = findings.trend
    if trend and trend.falling and not findings.overfitting:
        headline = f"Train {name} on, to about epoch {trend.worth_until}"
        return Verdict(headline, name, [findings.fall_said, *reasons], changes)
    if unmet:
        headline = f"{named} is the best, but not good enough to deploy"
        return Verdict(
            headline, name, [f"minimum gates not met: {', '.join(unmet)}", *reasons], changes, BAD
        )
    tone = GOOD if winner.judgement.tone == GOOD else OPEN
    return Verdict(f"Deploy {named}", name, reasons, changes, tone)


def _by_listeners(evidence: PairEvidence, rules: VerdictRules) -> tuple[str | None, str]:
    votes = evidence.preference
    if votes is None or votes.count == 0:
        return None, "nobody has listened blind yet"
    said = (
        f"listeners preferred {evidence.second} in {votes.second} of {votes.count} votes "
        f"({votes.interval.low:.0%} to {votes.interval.high:.0%})"
    )
    if votes.count < rules.votes:
        return None, f"{said}: fewer than {rules.votes} votes decide nothing"
    if votes.interval.low > 0.5:
        return evidence.second, said
    return (evidence.first if votes.interval.high < 0.5 else None), said


def _by_scores(evidence: PairEvidence, rules: VerdictRules) -> tuple[str | None, str]:
    overall = evidence.scores.get(OVERALL)
    if overall is None:
        return None, evidence.scores_obstacle or "no scores on common sentences: evaluate both runs"
    said = f"overall score {_change(overall, 2)}"
    if overall.interval is None:
        return None, f"{said}: a single sentence decides nothing"
    return _winner(evidence, overall, rules.score, overall.value, said)


def _by_loss(evidence: PairEvidence, rules: VerdictRules) -> tuple[str | None, str]:
    loss = evidence.loss
    if loss is None:
        why = evidence.obstacle or "none was measured on common held-out clips"
        return None, f"no losses to compare: {why}"
    said = f"{loss.name}, in nats: {_change(loss, 3)}"
    return _winner(evidence, loss, rules.nats, -loss.value, said)


def _by_text_gain(evidence: PairEvidence, rules: VerdictRules) -> tuple[str | None, str]:
    gain = evidence.text_gain
    if gain is None:
        why = evidence.obstacle or "no common held-out clip has a loss with another text in both"
        return None, f"text gain was not measured: {why}"
    said = f"text gain (what the right text helps, in nats): {_change(gain, 3)}"
    return _winner(evidence, gain, rules.text_gain, gain.value, said)


def _winner(
    evidence: PairEvidence, difference: Difference, least: float, gain: float, said: str
) -> tuple[str | None, str]:
    """Who wins by a difference that counts: the second run where it is a `gain` above 0."""
    if doubt := _doubt(difference, least):
        return None, f"{said}: {doubt}"
    return (evidence.second if gain > 0 else evidence.first), said


def _doubt(difference: Difference, least: float) -> str:
    """Why a difference does not count; empty where it does."""
    if abs(difference.value) < least:
        return f"below {least:g}, which the random seed alone may change"
    between = difference.interval
    if between is not None and between.low <= 0 <= between.high:
        return "uncertain, the interval holds no difference too"
    return ""


def _change(found: Difference, digits: int) -> str:
    between, d = found.interval, digits
    shown = f"95 % {between.low:+.{d}f} to {between.high:+.{d}f}" if between else "no interval"
    return (
        f"{found.first:.{d}f} → {found.second:.{d}f} ({found.value:+.{d}f}, {shown}, "
        f"{found.count} pairs)"
    )


def _would_change(decisions: Mapping[tuple[str, str], Decision], rules: VerdictRules) -> list[str]:
    sources = {decision.by for decision in decisions.values()}
    changes = []
    if "listeners" not in sources:
        changes.append(
            f"{rules.votes} blind votes or more that prefer one run (compare … listen=true); they "
            "outweigh every measurement"
        )
    if not sources & {"listeners", "measured scores"}:
        changes.append(
            f"an overall score that differs by {rules.score:g} or more on the same texts"
        )
    if sources == {""} and not any(decision.barred for decision in decisions.values()):
        changes.append(
            f"a loss on common clips that differs by {rules.nats:g} nats or more, or a text "
            f"gain by {rules.text_gain:g}"
        )
    return changes
