"""python -m xttslab.prepare: recordings in, checked and normalised clips with a manifest out.

python -m xttslab.prepare dataset=milliomos source=PATH
python -m xttslab.prepare dataset=demo_milliomos
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import CONF, launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Prepare one data set as configured and say what came of it."""
    from hydra.utils import instantiate

    from xttslab.data.preparing.output import Folder
    from xttslab.data.preparing.preparation import Plan, prepare
    from xttslab.data.preparing.screen import show
    from xttslab.data.preparing.sources import locate

    folder = Folder.named(Path(config.data_dir), config.name)
    source = locate(config.source, folder.path)
    plan = Plan(
        recipe=instantiate(config.recipe),
        language=config.language,
        speaker=config.speaker,
        eval_share=config.eval_share,
        workers=config.workers,
    )
    summary = prepare(source, folder, plan)
    if not (CONF / "dataset" / f"{folder.name}.yaml").exists():
        folder.write_config(Path(config.data_dir) / "conf", config.language)
    show(summary, folder)


def plain_name(arguments: Sequence[str]) -> list[str]:
    """`dataset=NAME` → `name=NAME`: Hydra would look for NAME in the group of data sets, and here
    it is a new name."""
    named = "dataset="
    return [f"name='{a[len(named) :]}'" if a.startswith(named) else a for a in arguments]


if __name__ == "__main__":
    sys.argv[1:] = plain_name(sys.argv[1:])
    launch(main, "prepare")
