"""Groups the runs of a sweep under a parent run, and summarises their settings and results."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from xttslab.files import remove, write_atomically
from xttslab.overrides import shell_line
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FINISHED, RunState, replay
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.sender import journals
from xttslab.tracking.writer import PARENT_TAG

if TYPE_CHECKING:
    from optuna import Study

COMMAND_TAG = "command"  # what trains the run again
_PATIENCE_S = 20.0  # children do not wait for a store that is down: they find their parent later
NOTE = "sweep.json"
FAILED = "failed"  # in the sweep's folder: an empty file for every run that failed


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
    return shell_line(["python", "-m", "xttslab.train", *overrides])


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

    def note(self, number: int, child: Child) -> None:
        """One more child has ended."""
        if math.isfinite(child.value):
            self.tracker.log_metrics({"tuning/value": child.value}, step=number)

    def conclude(
        self, runs: Sequence[Child], study: Study | None = None, status: str = FINISHED
    ) -> Child | None:
        """Log table, pictures and the best, and end the run; returns the best, None without any."""
        from xttslab.tuning.study import draw, study_of  # Optuna takes a second, for every command

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
    rows = csv.writer(text, lineterminator="\n")  # a text file gets the system's own line ends
    rows.writerow(["run", "status", "value", *names])
    for run in runs:
        rows.writerow([run.name, run.status, run.value, *(run.params.get(n, "") for n in names)])
    return text.getvalue()


class SweepFailures(Callback):
    """Remembers where a sweep's runs, on whichever process or machine, note that they failed."""

    folder: ClassVar[Path | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        SweepFailures.folder = folder = Path(config.hydra.sweep.dir) / FAILED
        for earlier in folder.glob("*"):  # of another sweep that was given the same folder
            remove(earlier)


def note_failure() -> None:
    """Note, in a run of a sweep, that it failed."""
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.cwd) / hydra.sweep.dir / FAILED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(hydra.job.num)).touch()


def failed_runs() -> int:
    """How many runs of the sweep that this process started have failed; 0 without a sweep."""
    folder = SweepFailures.folder
    return len(list(folder.iterdir())) if folder and folder.is_dir() else 0


class SweepParent(Callback):
    """Begins the parent run before the first run of a sweep and concludes it after the last."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        name = f"{config.sweep.name if config.sweep else 'sweep'}_{folder.name}"
        parent = SweepRun(Path(config.output_dir) / name, *_store(config))
        note = {"key": parent.key, "run_dir": str(parent.run_dir)}
        write_atomically(folder / NOTE, json.dumps(note))
        parent.tracker.close()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        note = json.loads((Path(config.hydra.sweep.dir) / NOTE).read_text(encoding="utf-8"))
        runs = children(Path(config.output_dir), note["key"])
        best = SweepRun(Path(note["run_dir"]), *_store(config)).conclude(runs)
        whole = [run for run in runs if run.status == FINISHED]
        print(f"{len(whole)} of {len(runs)} runs finished; {note['run_dir']} has their table")
        if best:
            print(f"best: {config.checkpoint.monitor} {best.value:.4f} by {best.command}")


def sweep_tags() -> dict[str, str]:
    """The tags of a run that belongs to a Hydra sweep; none for any other."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return {}
    hydra = HydraConfig.get()
    note = Path(hydra.runtime.cwd) / hydra.sweep.dir / NOTE
    if not note.is_file():
        print(f"warning: {note} is missing; this run gets no parent", file=sys.stderr)
        return {}
    key = json.loads(note.read_text(encoding="utf-8"))["key"]
    overrides = list(hydra.overrides.task)
    if any(entry.startswith("sweep=") for entry in overrides):
        overrides.append("hydra.mode=RUN")  # the sweep's file asks for all its runs
    return child_tags(key, overrides)


def _store(config: DictConfig) -> tuple[str, str, str]:
    return config.tracking.experiment, config.tracking.uri, config.checkpoint.monitor
