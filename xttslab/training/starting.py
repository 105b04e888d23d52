"""`init_from=` in, the checkpoint that a run starts from out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError
from xttslab.model.lineage import BEST


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


def resolve_start(init_from: str | None, uri: str) -> Start:
    """Find what `init_from` names: a file, a run folder, or a run in the tracking store."""
    if not init_from:
        return Start()
    path = Path(init_from).expanduser()
    if path.is_dir() and (path / "checkpoints" / BEST).is_file():
        path = path / "checkpoints" / BEST
    if path.is_file():
        return Start(checkpoint=path.resolve())
    if path.suffix in (".pth", ".pt", ".ckpt", ".safetensors"):
        raise UserError(f"init_from={init_from}: no such checkpoint")
    from xttslab.tracking.runs import find_run

    run = find_run(init_from, uri)
    if run.checkpoint is None or not run.checkpoint.is_file():
        raise UserError(f"init_from={init_from}: run {run.name} has no checkpoint on this disk")
    epochs = int(run.tags.get("epochs_total", 0))
    return Start(run.checkpoint, run.run_id, run.name, epochs)
