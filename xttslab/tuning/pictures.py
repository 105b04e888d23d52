"""A study in, its parallel coordinates and the importance of its parameters as pictures out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from xttslab.tuning.children import Child

log = logging.getLogger(__name__)


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
