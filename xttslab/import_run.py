"""Import a training of Coqui's trainer as a run.

python -m xttslab.import_run source=PATH dataset=milliomos run_name=milliomos_coqui
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Import one training and say what came of it."""
    from omegaconf import OmegaConf

    from xttslab.files import require_folder
    from xttslab.tracking.run_tracker import check_run_name

    source = Path(config.source)
    require_folder(source, "source")
    name = config.run_name or source.resolve().name
    check_run_name(name)
    from xttslab.importing.coqui_run import Target, import_coqui  # which needs seconds

    used = OmegaConf.to_container(config.get("dataset") or OmegaConf.create({}), resolve=True)
    target = Target(
        Path(config.output_dir) / name,
        config.tracking.uri,
        config.tracking.experiment,
        used.get("name", "unknown"),
        used.get("sources", {}),
        config.language,
        OmegaConf.to_container(config.samples, resolve=True),
    )
    made = import_coqui(source, target, OmegaConf.to_container(config.model, resolve=True))
    best = f"best {made.best[1]:.4f} at epoch {made.best[0]}" if made.best else "no held-out loss"
    print(f"run        {name}: {made.rows} epochs, {best}")
    print(f"weights    {made.checkpoint or 'none: best_model.pth is missing'}")
    if made.checkpoint:
        others = "" if made.whole else f"; the other parts come from {config.model.folder}"
        print(f"parts      {'all of the voice' if made.whole else 'not all'} in the run{others}")
    print(f"undone     text loss x0.01; totals divided by {made.accumulated} accumulation steps")
    print(f"next       python -m xttslab.report run={name}")


if __name__ == "__main__":
    launch(main, "import_run")
