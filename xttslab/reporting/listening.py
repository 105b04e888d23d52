"""Blind listening tests: their tasks, and preferences and scores from votes with intervals."""

from __future__ import annotations

import json
import math
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import binomtest, t

from xttslab.errors import UserError
from xttslab.evaluation.aspects import RATED
from xttslab.evaluation.scales import Interval
from xttslab.files import append_line

VOTES = "listener/votes.jsonl"
AB, REAL_OR_SYNTHETIC, SCORES = "ab", "real", "scores"
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Vote:
    """One blind answer. `runs` are the runs that were heard (two for `ab`; one, or none for a
    real clip); `answer` is the preferred run or "" for no difference, `real` or `synthetic`, or
    empty; `scores` are 1 to 10 by aspect."""

    kind: str
    clip: str
    runs: Sequence[str]
    answer: str = ""
    scores: Mapping[str, int] = field(default_factory=dict)
    listener: str = ""


@dataclass(frozen=True)
class Preference:
    """A/B votes of two runs; an undecided vote counts half for each. `interval` holds the share
    of the second run."""

    second: float
    count: int
    interval: Interval


def preference(votes: Iterable[Vote], first: str, second: str) -> Preference | None:
    """How often `second` was preferred to `first`; None where nobody compared the two."""
    answers = [v.answer for v in votes if v.kind == AB and set(v.runs) == {first, second}]
    if not answers:
        return None
    won = sum(answer == second for answer in answers) + 0.5 * answers.count("")
    return Preference(won, len(answers), _share(won, len(answers)))


def listener_metrics(votes: Sequence[Vote], run: str) -> dict[str, float]:
    """`listener/<aspect>`, `listener/overall`, `listener/told_apart` and `listener/preferred` of
    a run, each with `/count`, `/low` and `/high`; only what was voted on."""
    about = [vote for vote in votes if run in vote.runs]
    found: dict[str, float] = {}
    given = {name: [v.scores[name] for v in about if name in v.scores] for name in RATED}
    for name, scores in given.items():
        found |= _named(name, scores, _mean(scores))
    together = [fmean(vote.scores.values()) for vote in about if vote.scores]
    found |= _named("overall", together, _mean(together))
    pairs = [v for v in about if v.kind == AB]
    won = sum(v.answer == run for v in pairs) + 0.5 * sum(not v.answer for v in pairs)
    found |= _named("preferred", pairs, _share(won, len(pairs)))
    # a real clip speaks about every run whose clips it stood among
    told = [v for v in votes if v.kind == REAL_OR_SYNTHETIC and (run in v.runs or not v.runs)]
    right = sum(v.answer == ("synthetic" if v.runs else "real") for v in told)
    if any(v.runs for v in told):
        found |= _named("told_apart", told, _share(right, len(told)))
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
    half = float(t.ppf(0.5 + _CONFIDENCE / 2, len(scores) - 1)) * stdev(scores) / len(scores) ** 0.5
    return Interval(mean, max(1.0, mean - half), min(10.0, mean + half))


def _share(won: float, count: int) -> Interval:
    """A share with Wilson's interval; halves are rounded towards one half."""
    if not count:
        return Interval(math.nan, math.nan, math.nan)
    whole = math.floor(won) if won > count / 2 else math.ceil(won)
    between = binomtest(whole, count).proportion_ci(_CONFIDENCE, method="wilson")
    return Interval(won / count, between.low, between.high)


@dataclass(frozen=True)
class Stimulus:
    """A recording to listen to; `run` is empty for a real one."""

    run: str
    name: str
    text: str
    category: str
    path: Path


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


class ListeningTest:
    """The tasks of one listening session."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = list(tasks)
        self._paths = {
            key: stimulus.path
            for task in tasks
            for key, stimulus in zip(task.keys, task.stimuli, strict=True)
        }

    def public(self) -> list[dict[str, Any]]:
        """All tasks as the browser sees them."""
        return [task.public() for task in self.tasks]

    def path(self, key: str) -> Path | None:
        """The recording behind a key of this session."""
        return self._paths.get(key)

    def vote(self, number: int, answer: Mapping[str, Any], listener: str) -> Vote:
        """An answer as a vote. Raises UserError for an answer that the task does not have."""
        if not isinstance(number, int) or not 0 <= number < len(self.tasks):
            raise UserError(f"there is no task {number!r}; this session has {len(self.tasks)}")
        task = self.tasks[number]
        runs = [stimulus.run for stimulus in task.stimuli if stimulus.run]
        name = task.stimuli[0].name
        if task.kind == SCORES:
            scores = check_scores(answer.get("scores") or {})
            if not scores:
                raise UserError("no score was given; give at least one aspect a number")
            return Vote(task.kind, name, runs, "", scores, listener)
        choice = answer.get("choice")
        meaning = self._meanings(task)
        if choice not in meaning:
            raise UserError(f"{choice!r} is no answer here; use one of {', '.join(meaning)}")
        return Vote(task.kind, name, runs, meaning[choice], {}, listener)

    @staticmethod
    def _meanings(task: Task) -> dict[str, str]:
        """What a listener may answer → what it says, the order of the pair undone."""
        if task.kind == AB:
            return {"a": task.stimuli[0].run, "b": task.stimuli[1].run, "same": ""}
        return {"real": "real", "synthetic": "synthetic"}


def build_listening_test(
    spoken: Mapping[str, Sequence[Stimulus]],
    real: Sequence[Stimulus],
    per_kind: int,
    seed: int | None = None,
) -> ListeningTest:
    """Draw up to `per_kind` tasks of each kind from the runs' clips and real ones.

    `spoken`: run → its clips; pairs are of clips with the same name. Raises UserError when there
    is nothing to listen to. `seed` is for tests; None draws anew.
    """
    dice = random.Random(secrets.randbits(64) if seed is None else seed)
    clips = [stimulus for part in spoken.values() for stimulus in part]
    if not clips:
        raise UserError("none of the runs has samples on this disk: nothing to listen to")
    kinds = {
        AB: [list(pair) for pair in _pairs(spoken)],
        SCORES: [[stimulus] for stimulus in clips],
        REAL_OR_SYNTHETIC: _mixed(clips, real, per_kind, dice),
    }
    tasks = []
    for kind, groups in kinds.items():
        chosen = dice.sample(groups, min(per_kind, len(groups)))
        for group in chosen:
            dice.shuffle(group)
            keys = tuple(f"{dice.getrandbits(64):016x}" for _ in group)
            tasks.append(Task(kind, tuple(group), keys))
    return ListeningTest(tasks)


def _pairs(spoken: Mapping[str, Sequence[Stimulus]]) -> list[tuple[Stimulus, Stimulus]]:
    """Clips of the same name and text from every two runs."""
    found = []
    for one, other in combinations(spoken.values(), 2):
        named = {(s.name, s.text): s for s in other}
        found += [(s, named[s.name, s.text]) for s in one if (s.name, s.text) in named]
    return found


def _mixed(
    clips: Sequence[Stimulus], real: Sequence[Stimulus], per_kind: int, dice: random.Random
) -> list[list[Stimulus]]:
    """As many real clips as synthetic ones; none where there is no real clip."""
    each = min(per_kind // 2, len(clips), len(real))
    return [[s] for s in (*dice.sample(clips, each), *dice.sample(real, each))]
