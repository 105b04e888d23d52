"""Blind listening tests: which voices are heard, and which question comes next.

Pairs are chosen as in a tournament, so that the best of many voices is found without hearing every
pair. A test knows the votes that were given before, so a listener goes on where they stopped.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from xttslab.errors import UserError
from xttslab.reporting.tournament import Strengths, next_round
from xttslab.reporting.votes import AB, REAL_OR_SYNTHETIC, SCORES, Vote, check_scores

_OPEN_TASKS = 1000  # questions that were asked and not answered yet


@dataclass(frozen=True)
class Stimulus:
    """A recording to listen to; `run` is the candidate that speaks it, empty for a real one."""

    run: str
    name: str
    text: str
    category: str
    path: Path


@dataclass(frozen=True)
class Entrant:
    """A candidate of the tournament with its recordings. Those of a `judged` one are also scored
    and set among real recordings."""

    name: str
    stimuli: tuple[Stimulus, ...]
    judged: bool = True


@dataclass(frozen=True)
class ListeningPlan:
    """How much a listener is asked: `tasks` pairs, scores and guesses at what is real. Of three or
    more candidates less than half of all pairs of recordings are asked, and none once the best is
    found with a chance of `sure`."""

    tasks: int
    sure: float


@dataclass(frozen=True)
class Task:
    """One question about one clip, or about two of the same sentence."""

    kind: str
    stimuli: tuple[Stimulus, ...]
    keys: tuple[str, ...]  # under which the browser fetches them

    def public(self) -> dict[str, Any]:
        """What the browser may know."""
        first = self.stimuli[0]
        shown = {"text": first.text, "category": first.category}
        hidden = {"text": "", "category": ""}  # a real clip would betray itself by its sentence
        told = hidden if self.kind == REAL_OR_SYNTHETIC else shown
        return {"kind": self.kind, "clips": list(self.keys), **told}

    def vote(self, answer: Mapping[str, Any], listener: str) -> Vote:
        """What an answer from the browser says, the order of a pair undone; raises UserError for
        an impossible one."""
        runs = [stimulus.run for stimulus in self.stimuli if stimulus.run]
        name = self.stimuli[0].name
        if self.kind == SCORES:
            scores = check_scores(answer.get("scores") or {})
            if not scores:
                raise UserError("no score was given; give at least one aspect a number")
            return Vote(self.kind, name, runs, "", scores, listener)
        meaning = {"real": "real", "synthetic": "synthetic"}
        if self.kind == AB:
            meaning = {"a": self.stimuli[0].run, "b": self.stimuli[1].run, "same": ""}
        choice = answer.get("choice")
        if choice not in meaning:
            raise UserError(f"{choice!r} is no answer here; use one of {', '.join(meaning)}")
        return Vote(self.kind, name, runs, meaning[str(choice)], {}, listener)


@dataclass
class ListeningTest:
    """One listening test over two or more candidates, or over one whose recordings are judged.

    Raises UserError when there is nothing to listen to. `votes` were given before; `rng` is for
    tests.
    """

    entrants: Sequence[Entrant]
    real: Sequence[Stimulus]
    plan: ListeningPlan
    votes: list[Vote] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(secrets.randbits(64)))
    _open: dict[str, Task] = field(default_factory=dict)
    _paths: dict[str, Path] = field(default_factory=dict)
    _round: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not any(entrant.stimuli for entrant in self.entrants):
            raise UserError("none of the runs has samples on this disk: nothing to listen to")
        self._names = [entrant.name for entrant in self.entrants]
        self._spoken = {
            entrant.name: {(clip.name, clip.text): clip for clip in entrant.stimuli}
            for entrant in self.entrants
        }
        self._judged = [e for e in self.entrants if e.judged and e.stimuli]
        self.votes = [vote for vote in self.votes if set(vote.runs) <= set(self._names)]

    @property
    def names(self) -> list[str]:
        """The candidates."""
        return self._names

    def path(self, key: str) -> Path | None:
        """The recording that the browser knows under a key."""
        return self._paths.get(key)

    def next(self, listener: str) -> dict[str, Any]:
        """The next question of a listener as the browser sees it (`task` is None when all are
        answered), with how many were answered and how many there are."""
        given = [vote for vote in self.votes if vote.listener == listener]
        kinds: tuple[tuple[str, int, Callable[[list[Vote]], list[Stimulus]]], ...] = (
            (AB, self._pairs_planned(), self._pair),
            (SCORES, self._scores_planned(), self._least_judged),
            (REAL_OR_SYNTHETIC, self._guesses_planned(), self._real_or_not),
        )
        done = of = 0
        found = None
        for kind, planned, choose in kinds:
            answered = [vote for vote in given if vote.kind == kind]
            stimuli = [] if found or len(answered) >= planned else choose(answered)
            ended = not found and not stimuli  # early, or for want of sentences
            done += len(answered)
            of += len(answered) if ended else max(planned, len(answered))
            if stimuli:
                found = self._ask(kind, stimuli)
        return {"task": found, "done": done, "of": of}

    def vote(self, number: object, answer: Mapping[str, Any], listener: str) -> Vote:
        """What an answer from the browser says. Raises UserError for an impossible one."""
        task = self._open.get(str(number))
        if task is None:
            raise UserError("this question was answered already, or is of another session")
        return task.vote(answer, listener)

    def note(self, number: object, vote: Vote) -> None:
        """Count a vote that was kept."""
        self._open.pop(str(number), None)
        self.votes.append(vote)

    def strengths(self) -> Strengths:
        """What all votes say of the candidates."""
        return Strengths.of(self._names, self.votes)

    def _ask(self, kind: str, stimuli: list[Stimulus]) -> dict[str, Any]:
        self.rng.shuffle(stimuli)
        keys = tuple(f"{self.rng.getrandbits(64):016x}" for _ in stimuli)
        task, number = Task(kind, tuple(stimuli), keys), f"{self.rng.getrandbits(64):016x}"
        self._paths |= {key: clip.path for key, clip in zip(keys, stimuli, strict=True)}
        self._open[number] = task
        while len(self._open) > _OPEN_TASKS:
            del self._open[next(iter(self._open))]
        return {"id": number, **task.public()}

    def _pairs_planned(self) -> int:
        """How many pairs of recordings are asked at most."""
        every = sum(
            len(self._spoken[one].keys() & self._spoken[other].keys())
            for one, other in combinations(self._names, 2)
        )
        return (every - 1) // 2 if len(self._names) > 2 else min(self.plan.tasks, every)

    def _scores_planned(self) -> int:
        return min(self.plan.tasks, sum(len(entrant.stimuli) for entrant in self._judged))

    def _guesses_planned(self) -> int:
        clips = sum(len(entrant.stimuli) for entrant in self._judged)
        return 2 * min(self.plan.tasks // 2, clips, len(self.real))

    def _pair(self, answered: list[Vote]) -> list[Stimulus]:
        """Two recordings of a sentence that the listener has not heard from these candidates."""
        if len(self._names) > 2 and self.strengths().chances().max() >= self.plan.sure:
            return []
        heard = {(frozenset(vote.runs), vote.clip) for vote in answered}
        often = Counter((frozenset(v.runs), v.clip) for v in self.votes if v.kind == AB)
        for one, other in self._in_order():
            pair = frozenset((one, other))
            sentences = [
                key for key in self._spoken[one]
                if key in self._spoken[other] and (pair, key[0]) not in heard
            ]  # fmt: skip
            if sentences:
                self.rng.shuffle(sentences)
                key = min(sentences, key=lambda sentence: often[pair, sentence[0]])
                return [self._spoken[one][key], self._spoken[other][key]]
        return []

    def _in_order(self) -> Iterator[tuple[str, str]]:
        """Pairs as they should be heard: those of the round, then of the next one, then any."""
        for _ in range(2):
            while self._round:
                yield self._round.pop()
            self._round = next_round(self.strengths(), self.rng)
            self.rng.shuffle(self._round)
        pairs = list(combinations(self._names, 2))
        self.rng.shuffle(pairs)
        yield from pairs

    def _least_judged(self, answered: list[Vote]) -> list[Stimulus]:
        """A recording that the listener has not judged, of the candidate with the fewest so far."""
        judged = Counter(name for vote in answered for name in vote.runs)
        known = {(name, vote.clip) for vote in answered for name in vote.runs}
        order = sorted(self._judged, key=lambda e: (judged[e.name], self.rng.random()))
        for entrant in order:
            if fresh := [c for c in entrant.stimuli if (entrant.name, c.name) not in known]:
                return [self.rng.choice(fresh)]
        return []

    def _real_or_not(self, answered: list[Vote]) -> list[Stimulus]:
        """A real recording or a synthetic one, by chance, so that in the end both are as many."""
        each = self._guesses_planned() // 2
        heard = [vote.clip for vote in answered if not vote.runs]
        fresh = [clip for clip in self.real if clip.name not in heard]
        left = each - len(heard)
        synthetic = each - (len(answered) - len(heard))
        if fresh and self.rng.random() * (left + synthetic) < left:
            return [self.rng.choice(fresh)]
        return self._least_judged([vote for vote in answered if vote.runs])
