"""A tournament of voices by blind A/B votes: who meets whom next, and how strong each one is.

The model is Bradley and Terry's ("Rank analysis of incomplete block designs", Biometrika 1952): a
candidate of strength a is preferred to one of strength b with probability 1 / (1 + exp(b - a)). No
difference counts as half a vote for both.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.stats import spearmanr

from xttslab.evaluation.scales import Interval
from xttslab.reporting.votes import AB, CONFIDENCE, Vote, share

_SPREAD = 1.5  # of strengths before any vote, logits: nobody is preferred always after three votes
_STEPS, _SMALL = 50, 1e-9  # of Newton's method
_DRAWS = 4000
_HARDLY = 0.02  # a chance to be the best below which a candidate is heard no more


@dataclass(frozen=True)
class Strengths:
    """What votes say of n candidates: `mean` (n,) in logits, which sum to 0, and `covariance`
    (n, n), by Laplace's approximation."""

    names: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, names: Sequence[str], votes: Iterable[Vote]) -> Strengths:
        """The most probable strengths under a normal prior, by Newton's method."""
        wins = _wins(names, votes)
        met, count = wins + wins.T, len(names)
        mean, precision = np.zeros(count), np.eye(count) / _SPREAD**2
        for _ in range(_STEPS):
            expected = 1 / (1 + np.exp(mean - mean[:, None]))
            information = met * expected * (1 - expected)
            hessian = np.diag(information.sum(axis=1)) - information + precision
            slope = (wins - met * expected).sum(axis=1) - precision @ mean
            step = np.linalg.solve(hessian, slope)
            mean = mean + step
            if np.abs(step).max(initial=0.0) < _SMALL:
                break
        # without what only the prior says: how strong all candidates are together
        centred = np.eye(count) - 1 / count
        return cls(tuple(names), mean, centred @ np.linalg.inv(hessian) @ centred)

    def drawn(self, seed: int, count: int = _DRAWS) -> np.ndarray:
        """Strengths as they may be, (count, n)."""
        rng = np.random.default_rng(seed)
        return rng.multivariate_normal(self.mean, self.covariance, count)

    def chances(self, seed: int = 0) -> np.ndarray:
        """The chance of each candidate to be the strongest, (n,)."""
        strongest = self.drawn(seed).argmax(axis=1)
        return np.bincount(strongest, minlength=len(self.names)) / _DRAWS


def _wins(names: Sequence[str], votes: Iterable[Vote]) -> np.ndarray:
    """How often each candidate was preferred to each other, (n, n)."""
    place = {name: row for row, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    for vote in votes:
        if vote.kind != AB or not set(vote.runs) <= set(place) or len(set(vote.runs)) < 2:
            continue
        one, other = (place[name] for name in vote.runs)
        won = 0.5 if vote.answer not in vote.runs else float(vote.answer == vote.runs[0])
        wins[one, other] += won
        wins[other, one] += 1 - won
    return wins


def next_round(strengths: Strengths, rng: random.Random) -> list[tuple[str, str]]:
    """The pairs of the next round, as in a Swiss tournament: neighbours in rank meet.

    Ranks are drawn from what the votes leave possible (Thompson, Biometrika 1933), so that every
    candidate is tried while little is known. A candidate that can hardly be the best any more
    sits out.
    """
    order = np.argsort(-strengths.drawn(rng.getrandbits(32), 1)[0])
    chances = strengths.chances(rng.getrandbits(32))
    playing = [row for row in order if chances[row] >= _HARDLY]
    if len(playing) < 2:
        playing = list(np.argsort(-strengths.mean)[:2])
    names = [strengths.names[row] for row in playing]
    return list(zip(names[::2], names[1::2], strict=False))


@dataclass(frozen=True)
class Standing:
    """One candidate: how many A/B votes it had and won, `strength` as the share of votes that it
    would win against an average candidate of the tournament, and its chance to be the best."""

    name: str
    votes: int
    won: float
    strength: Interval
    best: float


def standings(names: Sequence[str], votes: Sequence[Vote]) -> list[Standing]:
    """All candidates that were voted on, the strongest first."""
    wins = _wins(names, votes)
    met = wins + wins.T
    heard = [name for name, count in zip(names, met.sum(axis=1), strict=True) if count]
    if not heard:
        return []
    found = Strengths.of(heard, votes)
    chances = found.chances()
    reach = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * np.sqrt(np.diag(found.covariance))
    rows = [names.index(name) for name in heard]
    table = [
        Standing(
            name,
            int(met[row].sum()),
            float(wins[row].sum()),
            Interval(*(float(1 / (1 + np.exp(-(mean + off)))) for off in (0.0, -half, half))),
            float(chance),
        )
        for name, row, mean, half, chance in zip(
            heard, rows, found.mean, reach, chances, strict=True
        )
    ]
    return sorted(table, key=lambda standing: -standing.strength.value)


@dataclass(frozen=True)
class Agreement:
    """How far a score and the listeners agree: `right` is the share of the decided votes that went
    to the candidate with the higher score, `rank` the rank correlation (Spearman) of score and
    strength over the candidates, None below three."""

    score: str
    votes: int
    right: Interval
    rank: float | None

    @property
    def verdict(self) -> str:
        """In words, by the interval of `right`."""
        if self.right.low > 0.5:
            return "agrees with the listeners"
        return "contradicts the listeners" if self.right.high < 0.5 else "cannot be told yet"


def agreement(
    score: str, given: Mapping[str, float], table: Sequence[Standing], votes: Sequence[Vote]
) -> Agreement | None:
    """Compare a score (`given`, by candidate) with the votes; None where no vote bears on it."""
    decided = [
        vote
        for vote in votes
        if vote.kind == AB and vote.answer in vote.runs and set(vote.runs) <= set(given)
        and len({given[name] for name in vote.runs}) == 2
    ]  # fmt: skip
    if not decided:
        return None
    right = sum(given[vote.answer] == max(given[name] for name in vote.runs) for vote in decided)
    scored = [standing for standing in table if standing.name in given]
    rank = None
    if len(scored) > 2 and len({given[standing.name] for standing in scored}) > 1:
        strengths = [standing.strength.value for standing in scored]
        rank = float(spearmanr(strengths, [given[s.name] for s in scored]).statistic)
    return Agreement(score, len(decided), share(right, len(decided)), rank)
