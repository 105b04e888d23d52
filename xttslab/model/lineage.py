"""A run's checkpoint in, a base with its weights out: with those it was trained from, if needed.

A run that trained every weight keeps all of them. One that trained some (`train_only`, adapters)
keeps those alone, and its record names the checkpoint that holds the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

from xttslab.errors import UserError
from xttslab.model.base import Base, load_codec, load_gpt
from xttslab.model.checkpoints import write_tensors

CODEC = "codec.safetensors"  # in a run's folder, where its codec was fitted to data
BEST = "best.safetensors"
RECORD = "checkpoints.json"


def load_trained(base: Base, checkpoint: Path) -> None:
    """Put a checkpoint's weights into a base; a codec that was fitted for its run comes along."""
    for path in reversed(weight_chain(checkpoint)):
        load_gpt(base.gpt, path, partial=True)
    fitted = checkpoint.parent.parent / CODEC
    if fitted.is_file():
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
