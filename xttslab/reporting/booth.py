"""Runs in, blind listening tasks out: which is better, real or synthetic, marks for six aspects.

Nothing that a browser gets tells which run a clip is from: clips have random names, and the order
within a pair and of the tasks is drawn anew for every session.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from xttslab.errors import UserError
from xttslab.reporting.listening import AB, MARKS, REAL_OR_SYNTHETIC, Vote, check_marks


@dataclass(frozen=True)
class Stimulus:
    """A recording to judge; `run` is empty for a real one."""

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


class Booth:
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
        if task.kind == MARKS:
            marks = check_marks(answer.get("marks") or {})
            if not marks:
                raise UserError("no mark was given; give at least one aspect a number")
            return Vote(task.kind, name, runs, "", marks, listener)
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


def build_booth(
    spoken: Mapping[str, Sequence[Stimulus]],
    real: Sequence[Stimulus],
    per_kind: int,
    seed: int | None = None,
) -> Booth:
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
        MARKS: [[stimulus] for stimulus in clips],
        REAL_OR_SYNTHETIC: _mixed(clips, real, per_kind, dice),
    }
    tasks = []
    for kind, groups in kinds.items():
        chosen = dice.sample(groups, min(per_kind, len(groups)))
        for group in chosen:
            dice.shuffle(group)
            keys = tuple(f"{dice.getrandbits(64):016x}" for _ in group)
            tasks.append(Task(kind, tuple(group), keys))
    return Booth(tasks)


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
