"""Searches a space of settings: draws trials of an Optuna study, trains and prunes each."""

from __future__ import annotations

import gc
import math
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial, TrialState

from xttslab.errors import UserError
from xttslab.overrides import quoted
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import KILLED, SUCCEEDED, read_metrics, replay
from xttslab.tuning.study import StoredStudy
from xttslab.tuning.sweep_run import Child, SweepRun, child_tags, children

_KEYS = {"low", "high", "log", "step"}


def distributions(space: Mapping[str, Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """Each key of the configuration with `{low, high, log, step}` or `{choices: […]}`.

    Raises UserError that names the key where neither fits.
    """
    return {key: _distribution(key, dict(entry)) for key, entry in space.items()}


def _distribution(key: str, entry: dict[str, Any]) -> BaseDistribution:
    if set(entry) == {"choices"} and entry["choices"]:
        return CategoricalDistribution(entry["choices"])
    if {"low", "high"} <= set(entry) <= _KEYS:
        whole = isinstance(entry["low"], int) and isinstance(entry["high"], int)
        try:
            return IntDistribution(**entry) if whole else FloatDistribution(**entry)
        except (ValueError, TypeError) as fault:
            raise UserError(f"sweep.space.{key}: {fault}; correct {entry}") from fault
    raise UserError(
        f"sweep.space.{key}: {entry} is no range; give low and high (log, step), or choices"
    )


def overrides(params: Mapping[str, Any]) -> list[str]:
    """A draw as Hydra takes it: `optim.lr=3.2e-06`, `init_from='best:Őszi'`."""
    return [f"{key}={_written(value)}" for key, value in params.items()]


def _written(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else str(value)


class Pruning(pl.Callback):
    """Tells the study the loss after every epoch; ends the run, as early stopping does, when the
    median of the others was better by then."""

    def __init__(self, trial: Trial, monitor: str) -> None:
        self.trial, self.monitor = trial, monitor
        self.pruned = False

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if not math.isfinite(value):
            return
        self.trial.report(value, trainer.current_epoch + 1)
        if self.trial.should_prune() and trainer.current_epoch + 1 < trainer.max_epochs:
            self.pruned = trainer.should_stop = True


Compose = Callable[[Sequence[str]], DictConfig]
Train = Callable[..., float | None]


class Search:
    """Trains trial after trial of a study.

    Args:
        config: of `python -m xttslab.tune`.
        given: the overrides that every child gets.
        compose: overrides to a training's configuration.
        train: the training function; takes a configuration, `tags` and `callbacks`.
    """

    def __init__(
        self, config: DictConfig, given: Sequence[str], compose: Compose, train: Train
    ) -> None:
        space = OmegaConf.to_container(config.sweep.space, resolve=True)
        settings = OmegaConf.to_container(config.tuning, resolve=True)
        self.given, self.compose, self.train = list(given), compose, train
        self.outputs = Path(config.output_dir)
        self.monitor = config.checkpoint.monitor
        name = settings.pop("study")
        folder = self.outputs / name
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study = StoredStudy(
            name, folder=folder, space=distributions(space), seed=config.seed, **settings
        )
        self.parent = SweepRun(
            folder, config.tracking.experiment, config.tracking.uri, self.monitor
        )

    def run(self) -> Child:
        """Train until the study is full; returns the best. Raises UserError when none worked."""
        try:
            while trial := self.study.ask():
                self._try(trial)
        except (KeyboardInterrupt, SystemExit):
            print("the study is kept; the same command goes on with it", file=sys.stderr)
            self.parent.conclude(self._children(), self.study.study, KILLED)
            raise
        best = self.parent.conclude(self._children(), self.study.study)
        if best is None:
            raise UserError(f"study {self.study.name}: no trial succeeded, see the messages above")
        return best

    def _try(self, trial: Trial) -> None:
        run = self.study.run_of(trial)
        drawn = [*self.given, *overrides(trial.params)]
        print(f"trial {trial.number} ({run}): {' '.join(overrides(trial.params))}", flush=True)
        pruning = Pruning(trial, self.monitor)
        state, value = TrialState.FAIL, None
        try:
            value = self._value(trial, run, drawn, pruning)
            if value is not None:
                state = TrialState.PRUNED if pruning.pruned else TrialState.COMPLETE
        except UserError as fault:
            print(f"error: {run}: {fault}", file=sys.stderr)
        except Exception:
            # shown whole and recorded as failed: one trial's defect must not end the study
            traceback.print_exc()
        self.study.tell(trial, value, state)
        gc.collect()
        shown = f"{self.monitor} {value:.4f}" if value is not None else "no value"
        print(f"trial {trial.number} ({run}): {state.name.lower()}, {shown}", flush=True)
        self.parent.note(trial.number, Child(run, "", math.nan if value is None else value, {}, ""))

    def _value(
        self, trial: Trial, run: str, drawn: Sequence[str], pruning: Pruning
    ) -> float | None:
        """Train, or go on with, a trial's run; the lowest monitored loss."""
        run_dir = self.outputs / run
        goes_on = self.study.goes_on(trial)
        if goes_on:
            for epoch, value in _history(run_dir, self.monitor).items():
                trial.report(value, epoch)
            if (run_dir / SUCCEEDED).exists():
                state = replay(record for record, _ in Journal(run_dir).read())
                return float(state.tags["best_value"]) if "best_value" in state.tags else None
        config = self.compose(drawn)
        config.run_name, config.resume = run, goes_on
        return self.train(config, tags=child_tags(self.parent.key, drawn), callbacks=[pruning])

    def _children(self) -> list[Child]:
        return children(self.outputs, self.parent.key)


def _history(run_dir: Path, monitor: str) -> Mapping[int, float]:
    """Epoch → loss of the epochs that a run has done, without the row before any update."""
    rows = read_metrics(run_dir)
    return {epoch: row[monitor] for epoch, row in rows.items() if epoch and monitor in row}
