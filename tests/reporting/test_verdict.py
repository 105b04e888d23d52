"""Which run is better, and when that cannot be said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reporting.runs import calm_run, falling, overfitted_run, rules
from xttslab.errors import UserError
from xttslab.evaluation.scales import Interval
from xttslab.reporting.findings import find
from xttslab.reporting.pairing import Difference
from xttslab.reporting.run_data import RunData
from xttslab.reporting.verdict import (
    Contender,
    Decision,
    PairEvidence,
    VerdictRules,
    conclude,
    decide,
)
from xttslab.reporting.votes import Preference
from xttslab.reporting.worth import GOOD, Judgement

RULES = VerdictRules(nats=0.05, text_gain=0.1, score=0.3, votes=20, draws=200)


def differing(change: float, half: float, first: float = 4.0) -> Difference:
    interval = Interval(change, change - half, change + half)
    return Difference("mel CE", first, first + change, 12, interval)


def judged(
    loss: Difference | None = None,
    score: Difference | None = None,
    votes: Preference | None = None,
    text_gain: Difference | None = None,
) -> Decision:
    scores = {"overall": score} if score else {}
    return decide(PairEvidence("a", "b", loss, scores, votes, text_gain=text_gain), RULES)


@pytest.mark.parametrize(
    ("loss", "winner"),
    [
        (differing(-0.3, 0.1), "b"),
        (differing(+0.3, 0.1), "a"),
        (differing(-0.3, 0.4), None),  # the interval holds zero
        (differing(-0.03, 0.01), None),  # certain, but no more than seeds do
        (None, None),
    ],
)
def test_a_loss_counts_when_it_is_certain_and_large_enough(loss, winner) -> None:
    assert judged(loss).winner == winner


def test_marks_outweigh_the_loss_and_listeners_outweigh_both() -> None:
    loss, score = differing(-0.3, 0.1), differing(-0.8, 0.3, first=7.0)
    assert (judged(loss, score).winner, judged(loss, score).by) == ("a", "measured scores")
    votes = Preference(18, 24, Interval(0.75, 0.55, 0.88))
    assert (judged(loss, score, votes).winner, judged(loss, score, votes).by) == ("b", "listeners")
    few = Preference(6, 6, Interval(1.0, 0.61, 1.0))
    assert judged(loss, score, few).by == "measured scores"
    assert any("fewer than 20 votes" in reason for reason in judged(loss, score, few).reasons)


DEPLOY = Judgement("Better than the base: deploy it", GOOD, ())


def contender(
    run: RunData, unmet: tuple[str, ...] = (), judgement: Judgement = DEPLOY
) -> Contender:
    return Contender(run, find(run, rules().findings), unmet, judgement)


ALIKE = differing(+0.07, 0.09)  # as the run on texts of other clips: not told apart by its loss


@pytest.mark.parametrize(
    ("text_gain", "winner"),
    [
        (differing(-0.9, 0.2, first=1.1), "a"),
        (differing(+0.9, 0.2, first=0.2), "b"),
        (differing(-0.9, 1.0, first=1.1), None),  # the interval holds zero
        (differing(-0.05, 0.01, first=1.1), None),  # certain, but no more than seeds do
        (None, None),
    ],
)
def test_text_gain_decides_where_losses_do_not(text_gain, winner) -> None:
    found = judged(ALIKE, text_gain=text_gain)
    assert (found.winner, found.by) == (winner, "text gain" if winner else "")


def test_a_decision_by_reading_says_so() -> None:
    found = judged(ALIKE, text_gain=differing(-0.9, 0.2, first=1.1))
    assert (
        "text gain (what the right text helps, in nats): 1.100 → 0.200 "
        "(-0.900, 95 % -1.100 to -0.700, 12 pairs)"
    ) in found.reasons
    assert found.reasons[-1] == "losses do not tell them apart, text gain does: that of b is lower"


def test_a_run_with_less_text_gain_wins_neither_by_loss_nor_by_scores() -> None:
    worse = differing(-0.9, 0.2, first=1.1)
    by_loss = judged(differing(-0.3, 0.1), text_gain=worse)
    assert (by_loss.winner, by_loss.barred) == (None, "b")
    assert by_loss.reasons[-1] == "b does not win by loss: its text gain is below that of a"
    by_scores = judged(ALIKE, differing(+0.8, 0.3, first=6.0), text_gain=worse)
    assert (
        by_scores.reasons[-1]
        == "b does not win by measured scores: its text gain is below that of a"
    )
    agreeing = judged(differing(+0.3, 0.1), text_gain=worse)
    assert (agreeing.winner, agreeing.by, agreeing.barred) == ("a", "loss", None)


def test_listeners_outweigh_text_gain() -> None:
    votes = Preference(18, 24, Interval(0.75, 0.55, 0.88))
    found = judged(votes=votes, text_gain=differing(-0.9, 0.2, first=1.1))
    assert (found.winner, found.by) == ("b", "listeners")


def test_runs_without_reading_are_compared_and_it_is_said() -> None:
    found = judged(differing(-0.3, 0.1))
    assert found.winner == "b"
    assert any(
        reason.startswith("text gain was not measured: no common") for reason in found.reasons
    )


def over(*decisions: tuple[str, str, str | None, str | None]) -> str:
    """The headline over pairs: first, second, winner, the run with less text gain."""
    names = sorted({name for pair in decisions for name in pair[:2]})
    runs = [contender(run) for run in map(RunData, names)]
    table = {
        (one, other): Decision(winner, "loss" if winner else "", [], barred=barred)
        for one, other, winner, barred in decisions
    }
    return conclude(runs, table, RULES).headline


def test_no_run_wins_that_has_less_text_gain_than_another() -> None:
    assert over(("a", "b", None, "b")) == "No winner: b does better but has less text gain"
    pairs = [("a", "b", None, "b"), ("a", "c", "c", None), ("b", "c", "b", None)]
    assert over(*pairs) == "No winner: b does better but has less text gain"
    pairs = [("a", "b", None, "b"), ("a", "c", "a", None), ("b", "c", "b", None)]
    assert over(*pairs) == "No single best: a, b cannot be told apart"


def concluded(
    second: RunData,
    winner: str | None,
    unmet: tuple[str, ...] = (),
    judgement: Judgement = DEPLOY,
):
    first = calm_run()
    runs = [contender(run, unmet, judgement) for run in (first, second)]
    pair = {(first.name, second.name): Decision(winner, "loss" if winner else "", ["because"])}
    return conclude(runs, pair, RULES)


def test_a_winner_that_came_to_its_end_is_deployed() -> None:
    verdict = concluded(overfitted_run(best=12), "made_up")
    assert verdict.headline == "Deploy made_up (checkpoint of epoch 12)"
    assert verdict.reasons == ["because"]  # of one pair nobody asks which


def test_a_winner_that_misses_a_gate_is_not_deployed() -> None:
    verdict = concluded(overfitted_run(best=12), "made_up", unmet=("pronunciation",))
    assert verdict.headline == (
        "made_up (checkpoint of epoch 12) is the best, but not good enough to deploy"
    )
    assert verdict.reasons == ["minimum gates not met: pronunciation", "because"]


NO_BETTER = Judgement(
    "No better than the base: do not deploy it", "bad", ["28 utterances"], no_gain=True
)


def test_a_winner_that_is_no_better_than_its_base_is_not_deployed() -> None:
    verdict = concluded(overfitted_run(best=12), "made_up", judgement=NO_BETTER)
    assert verdict.headline == (
        "made_up (checkpoint of epoch 12) is the best, but no better than the base: do not deploy "
        "it"
    )
    assert verdict.reasons == ["28 utterances", "because"]
    assert verdict.tone == "bad"


def test_of_runs_alike_that_are_no_better_than_their_base_none_is_deployed() -> None:
    assert concluded(overfitted_run(), None, judgement=NO_BETTER).headline == (
        "No measurable difference, and none is better than its base: do not deploy them"
    )


def test_a_winner_that_never_beat_its_start_is_deployed_as_it_was() -> None:
    rising = RunData("worse", histories={"eval/mel_ce": {e: 4.0 + e / 10 for e in range(10)}})
    assert concluded(rising, "worse").headline == (
        "Deploy worse as it was before training (no epoch of it is better)"
    )


def test_a_winner_that_still_falls_is_trained_on() -> None:
    run = RunData("young", histories={"eval/mel_ce": falling(6.0, 3.0, 20, rate=0.05)})
    verdict = concluded(run, "young")
    assert verdict.headline == "Train young on, to about epoch 40"
    assert "still falls by" in verdict.reasons[0]


def test_no_difference_says_what_would_make_one() -> None:
    verdict = concluded(overfitted_run(), None)
    assert verdict.headline == "No measurable difference"
    assert verdict.winner is None
    assert any("20 blind votes" in change for change in verdict.would_change)
    assert any("0.05 nats or more, or a text gain by 0.1" in c for c in verdict.would_change)


def test_three_runs_of_which_two_are_alike_have_no_single_best() -> None:
    runs = [RunData(name) for name in "abc"]
    decisions = {
        ("a", "b"): Decision(None, "", []),
        ("a", "c"): Decision("a", "loss", []),
        ("b", "c"): Decision("b", "loss", []),
    }
    found = conclude([contender(run) for run in runs], decisions, RULES)
    assert found.headline == "No single best: a, b cannot be told apart"


def test_draws_that_make_no_interval_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"verdict.draws=0: so few draws have no interval; give 100"
    ):
        replace(RULES, draws=0)
