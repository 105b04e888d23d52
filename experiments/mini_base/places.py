"""Where the base's training keeps its corpora and weights (outside the repository)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

CACHE = Path(os.environ.get("XTTSLAB_MINI_BASE", Path.home() / ".cache/xttslab/mini_base"))
DATA = CACHE / "data"
WORDS = CACHE / "words/package/index.dic"
BASES = CACHE / "bases"  # folders of weights, one for each step


class Journal(Checkpoint):
    """Prints and appends each epoch's metrics as one line of JSON.

    A Checkpoint only because Lightning calls those after the module has published its metrics.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {name: round(float(value), 5) for name, value in trainer.callback_metrics.items()}
        line: dict[str, Any] = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        written = json.dumps(line | values)
        print(written, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(written + "\n")
