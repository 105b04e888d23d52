"""The runs of a sweep in, what each tried and reached out; and how a run comes to be a child."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xttslab.tracking.journal import Journal
from xttslab.tracking.records import RunState, replay
from xttslab.tracking.syncing import journals
from xttslab.tracking.writer import PARENT_TAG

COMMAND_TAG = "command"  # what trains the run again


@dataclass(frozen=True)
class Child:
    """A run of a sweep; `value` (the lowest monitored loss) is NaN where it has none."""

    name: str
    status: str
    value: float
    params: dict[str, str]
    command: str


def child_tags(parent_key: str, overrides: Sequence[str]) -> dict[str, str]:
    """The tags of a child: whose it is, and how it is trained again."""
    return {PARENT_TAG: parent_key, COMMAND_TAG: command(overrides)}


def command(overrides: Sequence[str]) -> str:
    """What trains with these overrides, quoted for the shells of this system."""
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return join(["python", "-m", "xttslab.train", *overrides])


def children(outputs: Path, parent_key: str) -> list[Child]:
    """The runs in `outputs` that belong to a parent, in the order of their names."""
    mine = (journal for journal in journals(outputs) if _parent(journal) == parent_key)
    return [_child(replay(record for record, _ in journal.read())) for journal in mine]


def varied(found: Iterable[Child]) -> list[str]:
    """The parameters in which children differ, without those that name a run."""
    tried = [child.params for child in found]
    names = sorted({name for params in tried for name in params})
    return [
        name
        for name in names
        if len({params.get(name) for params in tried}) > 1 and name not in ("run_name", "resume")
    ]


def _parent(journal: Journal) -> str:
    start = journal.started()
    return start.tags.get(PARENT_TAG, "") if start else ""


def _child(state: RunState) -> Child:
    value = float(state.tags.get("best_value", math.nan))
    return Child(
        state.name, state.status, value, dict(state.params), state.tags.get(COMMAND_TAG, "")
    )
