"""Sets aside what an earlier start of a run left of epochs behind the one that it goes on from."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytorch_lightning as pl

from xttslab.files import replace, write_atomically
from xttslab.tracking.protocol import Tracker
from xttslab.tracking.store import METRICS_FILE
from xttslab.training.clip_table import FILE, FOLDER

SET_ASIDE = "set_aside"  # in a run's folder: 1/, 2/, … with what each return to an epoch put there
_SAMPLES = re.compile(r"epoch_(\d+)")


class OneHistory(pl.Callback):
    """Lets a run that goes on from a checkpoint have one history, before its first step.

    Metrics and files are newer than the checkpoint where a run was stopped between two of them.
    With other settings, the epochs behind it become others, and nothing may mix the two. Weights
    are `RunCheckpoints`' own affair.
    """

    def __init__(self, tracker: Tracker, run_dir: Path) -> None:
        self.tracker, self.run_dir = tracker, run_dir

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            go_back(self.run_dir, self.tracker, trainer.current_epoch)


def go_back(run_dir: Path, tracker: Tracker, epoch: int) -> None:
    """Move the metrics, clip losses and samples of the epochs behind `epoch` (-1: of all) from
    `run_dir` to a folder `set_aside/N/` of it, under their names, and let the tracker know.

    Does nothing where there are none.
    """
    metrics, table = run_dir / METRICS_FILE, run_dir / FOLDER / FILE
    rows = [line for line in _lines(metrics) if json.loads(line)["epoch"] > epoch]
    found = [row for row in _table(table) if int(row["epoch"]) > epoch]
    spoken = [
        folder
        for folder in sorted((run_dir / "samples").glob("epoch_*"))
        if (match := _SAMPLES.fullmatch(folder.name)) and int(match[1]) > epoch
    ]
    if not (rows or found or spoken):
        return
    place = _next(run_dir / SET_ASIDE)
    if rows:
        write_atomically(place / METRICS_FILE, "".join(f"{line}\n" for line in rows))
    if found:
        _write_table(place / FOLDER / FILE, found)
        _write_table(table, [row for row in _table(table) if int(row["epoch"]) <= epoch])
    for folder in spoken:
        target = place / "samples" / folder.name
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(folder, target)
    tracker.go_back(epoch)
    where = f"epoch {epoch}" if epoch >= 0 else "the start"
    print(
        f"going on from {where}; what this run had made of later epochs is now in {place}",
        file=sys.stderr,
    )


def _next(folder: Path) -> Path:
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return folder / str(max(numbers, default=0) + 1)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(_lines(path)))


def _write_table(path: Path, rows: list[dict[str, str]]) -> None:
    """The rows under the columns that the first of them has; no rows, no file."""
    if not rows:
        return path.unlink(missing_ok=True)
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return write_atomically(path, buffer.getvalue())
