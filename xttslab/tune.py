"""Search a space of settings with an Optuna study of trainings.

python -m xttslab.tune sweep=lr dataset=combined tuning.trials=20
python -m xttslab.tune sweep=lr          (again: the study goes on where it was stopped)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

_OF_TUNING = ("sweep", "tuning", "run_name", "resume")


def main(config: DictConfig) -> float:
    """Search as configured; returns the lowest monitored loss."""
    from hydra import compose
    from hydra.core.hydra_config import HydraConfig

    from xttslab.errors import UserError
    from xttslab.training.unread import (
        refuse_unread_by_stage,
        require_inputs,
        require_possible,
        usual_config,
    )

    require_possible(config)
    require_inputs(config)
    if not config.sweep or not config.sweep.get("space"):
        raise UserError(
            "sweep= names no space to search; choose sweep=lr, or run a grid with "
            "`python -m xttslab.train -m sweep=…`"
        )
    refuse_unread_by_stage(config, usual_config(), varied=config.sweep.space)
    from xttslab.training.run import train
    from xttslab.tuning.search import Search

    hydra = HydraConfig.get()
    given = _of_each_run(hydra.overrides.task, hydra.runtime.choices.get("sweep"))
    places = hydra.overrides.hydra
    search = Search(config, given, lambda more: compose("train", [*places, *more]), train)
    best = search.run()
    print(f"best: {config.checkpoint.monitor} {best.value:.4f} by {best.command}")
    return best.value


def _of_each_run(task: Sequence[str], usual_sweep: str) -> list[str]:
    """The overrides that every run gets: those of the command that are not the search's own, and
    the sweep file, whose other settings count for its runs, without its space."""
    sweep = next((o for o in task if o.startswith("sweep=")), f"sweep={usual_sweep}")
    given = [o for o in task if o.lstrip("+~").split("=")[0].split(".")[0] not in _OF_TUNING]
    return [sweep, "sweep.space=null", *given]


if __name__ == "__main__":
    launch(main, "tune")
