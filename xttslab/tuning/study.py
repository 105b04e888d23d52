"""A stored Optuna study in, one trial at a time out; what was stopped in the middle goes on.

Several processes may work on one study: each trial is locked by the process that runs it, and a
trial that is running but that nobody holds was interrupted: it is asked for again, with its values
and the name of its run, which is then resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, Trial, TrialState

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
