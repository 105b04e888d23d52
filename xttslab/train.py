"""Fine-tune a model on a data set, tracked from the first step to the report.

python -m xttslab.train dataset=combined trainer.max_epochs=60
python -m xttslab.train -m optim.lr=2e-6,5e-6 dataset=milliomos
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import launch
from xttslab.progress import doing

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> float | None:
    """Train as configured; returns the best monitored loss, which sweeps minimise."""
    _require(config)
    doing("loading the libraries")
    from omegaconf import OmegaConf

    from xttslab.training.run import run_name, train
    from xttslab.training.start import is_rank_zero
    from xttslab.tuning.sweep_run import sweep_tags

    config.run_name = run_name(config)
    best = train(config, sweep_tags())
    if is_rank_zero():
        from xttslab.reporting.build import report_finished

        plain = OmegaConf.to_container(config, resolve=True)
        run_dir = Path(config.output_dir) / config.run_name
        doing("writing the report")
        report_finished(run_dir, config.tracking.uri, plain["rules"], plain["gates"])
    return best


def _require(config: DictConfig) -> None:
    """What the disk and the command line tell before libraries that need seconds are loaded."""
    from hydra.core.hydra_config import HydraConfig

    from xttslab.errors import UserError
    from xttslab.machine.graphics_cards import refuse_idle_card
    from xttslab.training.unread import (
        refuse_unread_by_stage,
        require_inputs,
        require_possible,
        usual_config,
    )

    if config.sweep and config.sweep.get("space"):
        raise UserError(
            f"sweep={config.sweep.name} is a space to search: python -m xttslab.tune "
            f"sweep={config.sweep.name}"
        )
    require_possible(config)
    require_inputs(config)
    refuse_idle_card(config.trainer.accelerator)
    if HydraConfig.initialized():
        refuse_unread_by_stage(config, usual_config())


if __name__ == "__main__":
    launch(main, "train")
