"""`init_from=` in, the checkpoint that a run starts from out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.errors import UserError
from xttslab.model.lineage import BEST

if TYPE_CHECKING:
    from xttslab.tracking.runs import RunRecord


@dataclass(frozen=True)
class Start:
    """Where weights come from: a checkpoint file, and what is known of the run that made it."""

    checkpoint: Path | None = None
    run_id: str = ""
    run_name: str = ""
    epochs: int = 0  # trained before, over the whole chain of runs

    @property
    def origin(self) -> str:
        """The checkpoint as a later run's record names it, "" for none."""
        return str(self.checkpoint or "")

    @property
    def run_dir(self) -> Path | None:
        return self.checkpoint.parent.parent if self.checkpoint else None


def resolve_start(init_from: str | None, uri: str, model: Mapping[str, str] | None = None) -> Start:
    """Find what `init_from` names: a file, a run folder, or a run in the tracking store; a file in
    a run's folder is that run's. `model` (name and sizes) is what `best:DATASET` must be of."""
    if not init_from:
        return Start()
    path = Path(init_from).expanduser()
    if path.suffix in (".pth", ".pt", ".ckpt", ".safetensors") and not path.is_file():
        raise UserError(f"init_from={init_from}: no such checkpoint")
    from xttslab.tracking.runs import find_run

    kept = path / "checkpoints" / BEST
    run = find_run(str(kept) if kept.is_file() else init_from, uri, model)
    if run.checkpoint is None or not run.checkpoint.is_file():
        raise UserError(f"init_from={init_from}: run {run.name} has no checkpoint on this disk")
    name = run.name if run.tags else ""  # a file that lies in no run's folder is no run
    return Start(run.checkpoint.resolve(), run.run_id, name, _epochs(run))


def _epochs(run: RunRecord) -> int:
    """Epochs that a run's weights have been trained, with those of the runs before it; a run that
    was stopped has noted only those before."""
    if "epochs_total" in run.tags:
        return int(run.tags["epochs_total"])
    own = max(run.history("lr"), default=0)
    return int(run.tags.get("epochs_before", 0)) + own
