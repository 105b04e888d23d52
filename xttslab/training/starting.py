"""`init_from=` in, the weights that a run starts with out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError
from xttslab.model.base import Base, load_codec, load_gpt
from xttslab.model.checkpoints import write_tensors

CODEC = "codec.safetensors"
BEST = "best.safetensors"
RECORD = "checkpoints.json"


@dataclass(frozen=True)
class Start:
    """Where weights come from: a checkpoint file, and what is known of the run that made it."""

    checkpoint: Path | None = None
    run_id: str = ""
    run_name: str = ""
    epochs: int = 0  # trained before, over the whole chain of runs

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
        return Start(checkpoint=path)
    if path.suffix in (".pth", ".pt", ".ckpt", ".safetensors"):
        raise UserError(f"init_from={init_from}: no such checkpoint")
    from xttslab.tracking.runs import find_run

    run = find_run(init_from, uri)
    if run.checkpoint is None or not run.checkpoint.is_file():
        raise UserError(f"init_from={init_from}: run {run.name} has no checkpoint on this disk")
    epochs = int(run.tags.get("epochs_total", 0))
    return Start(run.checkpoint, run.run_id, run.name, epochs)


def load_start(base: Base, start: Start) -> None:
    """Put a start's weights into a base; a codec that was fitted for that run comes along."""
    if start.checkpoint is None:
        return
    for path in reversed(weight_chain(start.checkpoint)):
        load_gpt(base.gpt, path, partial=True)
    fitted = start.run_dir / CODEC if start.run_dir else None
    if fitted and fitted.is_file():
        load_codec(base.codec, fitted, fitted)


def weight_chain(checkpoint: Path) -> list[Path]:
    """A checkpoint and those it was trained from, newest first, as far as it needs them."""
    chain = [checkpoint]
    while True:
        record = chain[-1].parent / RECORD
        if not record.is_file():
            return chain
        origin = json.loads(record.read_text(encoding="utf-8"))["origin"]
        if not origin:
            return chain
        if not Path(origin).is_file():
            raise UserError(f"{chain[-1]}: was trained from {origin}, which is gone")
        chain.append(Path(origin))


def save_codec(base: Base, run_dir: Path) -> None:
    """Keep a codec that was fitted for this run; later runs must read the same codes."""
    codec = base.codec
    tensors = {f"dvae.{name}": value for name, value in codec.dvae.state_dict().items()}
    write_tensors(run_dir / CODEC, {**tensors, "mel_stats": codec.mel_stats})
