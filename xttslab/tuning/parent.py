"""A sweep's runs in, their parent run in the store out: best, table, pictures, command."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import optuna

from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FINISHED, replay
from xttslab.tracking.store import RunTracker
from xttslab.tuning.children import Child, varied
from xttslab.tuning.pictures import draw, study_of

_PATIENCE_S = 20.0  # children do not wait for a store that is down: they find their parent later


class SweepRun:
    """The parent run of a sweep in `run_dir`; `key` is what its children are tagged with."""

    def __init__(self, run_dir: Path, experiment: str, uri: str, goal: str) -> None:
        resume = Journal(run_dir).exists()
        tags = {"kind": "sweep", "monitor": goal, "run_dir": run_dir}
        self.run_dir = run_dir
        self.tracker = RunTracker.start(
            run_dir, run_dir.name, experiment, uri, tags=tags, resume=resume
        )
        self.key = replay(record for record, _ in Journal(run_dir).read()).key
        self.tracker.wait(_PATIENCE_S)

    @classmethod
    def again(cls, run_dir: Path, experiment: str, uri: str, goal: str) -> SweepRun:
        """The parent run that an earlier process began."""
        return cls(run_dir, experiment, uri, goal)

    def note(self, number: int, child: Child) -> None:
        """One more child has ended."""
        if math.isfinite(child.value):
            self.tracker.log_metrics({"tuning/value": child.value}, step=number)

    def conclude(
        self, runs: Sequence[Child], study: optuna.Study | None = None, status: str = FINISHED
    ) -> Child | None:
        """Log table, pictures and the best, and end the run; returns the best, None without any."""
        names = varied(runs)
        finished = [run for run in runs if run.status == FINISHED and math.isfinite(run.value)]
        best = min(finished, key=lambda run: run.value, default=None)
        self.tracker.log_text(_table(runs, names), "tuning/runs.csv")
        for picture in draw(study or study_of(runs, names), self.run_dir / "tuning"):
            self.tracker.log_artifact(picture, "tuning")
        if best:
            self.tracker.set_tags(
                {
                    "best_run": best.name,
                    "best_value": best.value,
                    "best_command": best.command,
                    **{f"best.{name}": best.params.get(name, "") for name in names},
                }
            )
        self.tracker.finish(status)
        return best


def _table(runs: Sequence[Child], names: Sequence[str]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["run", "status", "value", *names])
    for run in runs:
        rows.writerow([run.name, run.status, run.value, *(run.params.get(n, "") for n in names)])
    return text.getvalue()
