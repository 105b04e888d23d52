"""Tell whether this machine is fit to train and to speak, and what to do where it is not.

python -m xttslab.doctor
python -m xttslab.doctor --json
python -m xttslab.doctor training=false
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Print one line a check; exit status 1 if one found a fault."""
    import locale
    from pathlib import Path

    from xttslab.machine.diagnosis import as_json, examine, train_small
    from xttslab.machine.graphics_cards import this_machine

    found = []
    for line in examine(
        this_machine(),
        Path(),
        Path(config.model.folder),
        sorted(set(config.model.files.values())),
        config.tracking.uri,
        locale.getpreferredencoding(False),
        train_small if config.training else None,
    ):
        found.append(line)
        if not config.json:
            print(line, flush=True)
    if config.json:
        print(as_json(found))
    if any(line.status == "fault" for line in found):
        sys.exit(1)


if __name__ == "__main__":
    sys.argv = ["json=true" if argument == "--json" else argument for argument in sys.argv]
    launch(main, "doctor")
