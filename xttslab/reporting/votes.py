"""Votes of blind listening: how they are kept, and preferences and scores from them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import binomtest, t

from xttslab.errors import UserError
from xttslab.evaluation.aspects import OVERALL, RATED
from xttslab.evaluation.scales import Interval
from xttslab.files import append_line

VOTES = "listener/votes.jsonl"
AB, REAL_OR_SYNTHETIC, SCORES = "ab", "real", "scores"
CONFIDENCE = 0.95
_AT = "@"


def candidate(run: str, epoch: int | None) -> str:
    """What a vote calls a run's samples of an epoch: `combined@12`; of others, their name."""
    return run if epoch is None else f"{run}{_AT}{epoch}"


def run_of(heard: str) -> str:
    """`combined@12` → `combined`; older votes name the run alone."""
    run, _, epoch = heard.rpartition(_AT)
    return run if run and epoch.isdecimal() else heard


@dataclass(frozen=True)
class Vote:
    """One blind answer. `runs` are the candidates that were heard (two for `ab`; one, or none for
    a real clip); `answer` is the preferred one or "" for no difference, `real` or `synthetic`, or
    empty; `scores` are 1 to 10 by aspect."""

    kind: str
    clip: str
    runs: Sequence[str]
    answer: str = ""
    scores: Mapping[str, int] = field(default_factory=dict)
    listener: str = ""

    def about(self, run: str) -> bool:
        """Whether samples of this run were heard."""
        return run in map(run_of, self.runs)


@dataclass(frozen=True)
class Preference:
    """A/B votes of two runs; an undecided vote counts half for each. `interval` holds the share
    of the second run."""

    second: float
    count: int
    interval: Interval


def preference(votes: Iterable[Vote], first: str, second: str) -> Preference | None:
    """How often candidate `second` was preferred to `first`; None where nobody compared the two.

    Older votes that name their runs without an epoch count too.
    """
    wanted = {first: 0, run_of(first): 0, second: 1, run_of(second): 1}
    if run_of(first) == run_of(second):
        wanted = {first: 0, second: 1}
    answers = []
    for vote in votes:
        heard = [wanted.get(name) for name in vote.runs]
        if vote.kind == AB and sorted(heard, key=str) == [0, 1]:
            answers.append(wanted.get(vote.answer))
    if not answers:
        return None
    won = answers.count(1) + 0.5 * answers.count(None)
    return Preference(won, len(answers), share(won, len(answers)))


def listener_metrics(votes: Sequence[Vote], run: str) -> dict[str, float]:
    """`listener/<aspect>`, `listener/overall`, `listener/told_apart` and `listener/preferred` of
    a run, each with `/count`, `/low` and `/high`; only what was voted on. `preferred` is over the
    pairs with other candidates than the run's own epochs."""
    about = [vote for vote in votes if vote.about(run)]
    found: dict[str, float] = {}
    given = {name: [v.scores[name] for v in about if name in v.scores] for name in RATED}
    for name, scores in given.items():
        found |= _named(name, scores, _mean(scores))
    together = [fmean(vote.scores.values()) for vote in about if vote.scores]
    found |= _named(OVERALL, together, _mean(together))
    pairs = [v for v in about if v.kind == AB and len(set(map(run_of, v.runs))) == 2]
    won = sum(run_of(v.answer) == run for v in pairs) + 0.5 * sum(not v.answer for v in pairs)
    found |= _named("preferred", pairs, share(won, len(pairs)))
    # a real clip speaks about every run whose clips it stood among
    told = [v for v in votes if v.kind == REAL_OR_SYNTHETIC and (v.about(run) or not v.runs)]
    right = sum(v.answer == ("synthetic" if v.runs else "real") for v in told)
    if any(v.runs for v in told):
        found |= _named("told_apart", told, share(right, len(told)))
    return found


def check_scores(scores: Mapping[str, object]) -> dict[str, int]:
    """Scores as they came from a page. Raises UserError for an aspect or a score that is none."""
    for name, score in scores.items():
        if name not in RATED:
            raise UserError(f"{name!r} is no aspect; choose {', '.join(RATED)}")
        if not isinstance(score, int) or not 1 <= score <= 10:
            raise UserError(f"{name}: the score {score!r} is not a number from 1 to 10")
    return {name: int(str(score)) for name, score in scores.items()}


def read_votes(path: Path | None) -> list[Vote]:
    """The votes of a file; none where there is no file. A torn last line is left out."""
    if path is None or not path.is_file():
        return []
    votes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            votes.append(Vote(**_today(json.loads(line))))
        except (ValueError, TypeError):
            continue
    return votes


def _today(vote: dict[str, Any]) -> dict[str, Any]:
    """A stored vote under the names of today; votes were once kept with `marks`."""
    if "marks" in vote:
        vote["scores"] = vote.pop("marks")
    return vote | {"kind": SCORES} if vote.get("kind") == "marks" else vote


def together(groups: Iterable[Sequence[Vote]]) -> list[Vote]:
    """The votes kept with several runs, each once (a vote on two runs is kept with both)."""
    found: dict[str, Vote] = {}
    for votes in groups:
        seen: dict[str, int] = {}
        for vote in votes:
            seen[repr(vote)] = seen.get(repr(vote), 0) + 1
            found[f"{vote!r} {seen[repr(vote)]}"] = vote
    return list(found.values())


def append_vote(path: Path, vote: Vote) -> None:
    """Add one vote to a file, so that a crash loses at most the one being given."""
    append_line(path, json.dumps(asdict(vote), ensure_ascii=False))


def _named(name: str, votes: Sequence[object], estimate: Interval) -> dict[str, float]:
    if not votes:
        return {}
    found = {"": estimate.value, "/count": float(len(votes))}
    if math.isfinite(estimate.low):
        found |= {"/low": estimate.low, "/high": estimate.high}
    return {f"listener/{name}{end}": value for end, value in found.items()}


def _mean(scores: Sequence[float]) -> Interval:
    """Mean score with Student's interval, cut to 1 … 10; no interval for a single vote."""
    if len(scores) < 2:
        return Interval(scores[0] if scores else math.nan, math.nan, math.nan)
    mean = fmean(scores)
    half = float(t.ppf(0.5 + CONFIDENCE / 2, len(scores) - 1)) * stdev(scores) / len(scores) ** 0.5
    return Interval(mean, max(1.0, mean - half), min(10.0, mean + half))


def share(won: float, count: int) -> Interval:
    """A share with Wilson's interval; halves are rounded towards one half."""
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    whole = math.floor(won) if won > count / 2 else math.ceil(won)
    between = binomtest(whole, count).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(won / count, between.low, between.high)
