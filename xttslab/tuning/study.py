"""Stores an Optuna study and hands out its trials one at a time; interrupted trials are resumed.

Several processes may work on one study: each trial is locked by the process that runs it. A trial
that is running without a lock was interrupted: it is handed out again, with its values and the name
of its run, which is then resumed.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from xttslab.tuning.sweep_run import Child

log = logging.getLogger(__name__)

RUN = "run"  # the user attribute with the run of a trial that goes on


class StoredStudy:
    """Asks for trials until there are `trials` of them, counting those of other processes.

    Args:
        name: of the study, and the start of its runs' names.
        storage: an SQLAlchemy address.
        folder: for the locks.
        space: what is drawn.
        trials: how many.
        startup_trials, warmup_epochs: of each other and within a trial, before any is pruned.
        seed: of the draws; a study that goes on draws others than it has drawn.
    """

    def __init__(
        self,
        name: str,
        storage: str,
        folder: Path,
        space: Mapping[str, optuna.distributions.BaseDistribution],
        trials: int,
        startup_trials: int,
        warmup_epochs: int,
        seed: int,
    ) -> None:
        self.name, self.folder, self.space, self.trials = name, folder, dict(space), trials
        self.seed = seed
        self._held: FileLock | None = None
        folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(startup_trials, warmup_epochs),
            )

    def ask(self) -> Trial | None:
        """The next trial, held by this process until `tell`; None when there are enough."""
        with self._alone():
            self._take_up_interrupted()
            waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if not waiting and len(self.runs()) >= self.trials:
                return None
            drawn = len(self.study.trials)
            self.study.sampler = optuna.samplers.TPESampler(seed=self.seed + drawn)
            trial = self.study.ask(self.space)
            self._held = self._lock(self.run_of(trial))
            self._held.acquire()
        return trial

    def tell(self, trial: Trial, value: float | None, state: TrialState) -> None:
        """Note how a trial ended; `value` of completed ones alone."""
        self.study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
        if self._held:
            self._held.release()
            self._held = None

    def run_of(self, trial: Trial | FrozenTrial) -> str:
        """The name of a trial's run."""
        return str(trial.user_attrs.get(RUN, f"{self.name}_{trial.number:03d}"))

    def runs(self) -> dict[str, FrozenTrial]:
        """Run → its trial, the latest of those that it took."""
        done = (t for t in self.study.get_trials(deepcopy=False) if t.state != TrialState.WAITING)
        return {self.run_of(trial): trial for trial in done}

    def best(self) -> FrozenTrial | None:
        """The completed trial with the lowest value."""
        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min(done, key=lambda trial: trial.value, default=None)

    def goes_on(self, trial: Trial) -> bool:
        """Whether the trial's run was begun before."""
        return RUN in trial.user_attrs

    def _take_up_interrupted(self) -> None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            run = self.run_of(trial)
            try:
                with self._lock(run).acquire(timeout=0):
                    self.study.tell(trial.number, state=TrialState.FAIL)
                    self.study.enqueue_trial(dict(trial.params), user_attrs={RUN: run})
            except Timeout:
                continue  # another process is at it

    def _lock(self, run: str) -> FileLock:
        return FileLock(self.folder / f".{run}.lock")

    def _alone(self) -> Any:
        return FileLock(self.folder / ".study.lock")


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Write the pictures that the study has enough completed trials for."""
    import matplotlib

    matplotlib.use("Agg")
    import optuna.visualization.matplotlib as plots

    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "parallel_coordinates.png": plots.plot_parallel_coordinate,
        "importance.png": plots.plot_param_importances,
    }
    written = []
    for name, make in makers.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                figure = make(study).figure
                figure.savefig(folder / name, dpi=120, bbox_inches="tight")
        except (ValueError, RuntimeError) as fault:
            log.warning("%s is left out: %s", name, fault)
            continue
        matplotlib.pyplot.close(figure)
        written.append(folder / name)
    return written


def study_of(runs: Sequence[Child], names: Sequence[str]) -> optuna.Study:
    """A grid's runs as a study in memory; those without a value are left out."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    valued = [run for run in runs if run.value == run.value]
    spaces = {name: _space([run.params[name] for run in valued]) for name in names if valued}
    for run in valued:
        params = {
            name: float(run.params[name])
            if isinstance(space, FloatDistribution)
            else run.params[name]
            for name, space in spaces.items()
        }
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE, params=params, distributions=spaces, value=run.value
            )
        )
    return study


def _space(values: Sequence[str]) -> FloatDistribution | CategoricalDistribution:
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return CategoricalDistribution(sorted(set(values)))
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low > 10)
