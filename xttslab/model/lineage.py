"""A run's checkpoint in, a base with its weights out: with those it was trained from, if needed.

A run that trained every weight of the GPT keeps all of them. One that trained some (`train_only`,
adapters) or another part (`stage=decoder`) keeps those alone, and its record names the checkpoint
that holds the rest.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from xttslab.errors import UserError
from xttslab.model.base import Base, load_codec, load_gpt
from xttslab.model.checkpoints import holds, write_tensors
from xttslab.paths import found_path

CODEC = "codec.safetensors"  # in a run's folder, where its codec is not the base model's
BEST = "best.safetensors"
RECORD = "checkpoints.json"
VOCABULARY = "vocab.json"  # in the folder of an imported run, which brings all parts of its voice
_EPOCH = re.compile(r"epoch_(\d+)\.safetensors")


def load_trained(base: Base, checkpoint: Path) -> Base:
    """The base with a checkpoint's weights: GPT (changed in place), decoder and codec.

    Raises UserError when the GPT was trained on codes of another DVAE than the base's.
    """
    for path in reversed(weight_chain(checkpoint)):
        if holds(path, "gpt."):
            load_gpt(base.gpt, path, partial=True)
    if codec := codec_of(checkpoint):
        load_codec(base.codec, codec, codec)
    wanted = _record(checkpoint).get("codec")
    if wanted and wanted != base.codec.fingerprint:
        raise UserError(
            f"{checkpoint}: learned the audio codes of another DVAE ({wanted[:8]}, this is "
            f"{base.codec.fingerprint[:8]}); choose the model= that it was trained from"
        )
    if decoder := decoder_of(checkpoint):
        return replace(base, make_decoder=partial(base.make_decoder, weights=decoder))
    return base


def weight_chain(checkpoint: Path) -> list[Path]:
    """A checkpoint and those it was trained from, newest first, as far as it needs them."""
    chain = [checkpoint]
    while origin := _record(chain[-1]).get("origin"):
        chain.append(_origin(chain[-1], origin))
    return chain


def _origin(checkpoint: Path, stored: str) -> Path:
    """The checkpoint that `checkpoint` was trained from, by what its record says."""
    folder = checkpoint.parent.absolute()

    def other(place: Path) -> bool:
        return place.is_file() and place.absolute().parent != folder

    if found := found_path(stored, folder, other):
        return found
    raise UserError(
        f"{checkpoint}: was trained from {stored}, which is gone; put it there again, or write its "
        f"new place into {checkpoint.parent / RECORD}"
    )


def codec_of(checkpoint: Path) -> Path | None:
    """The file of the codec whose codes a checkpoint reads; None for the base model's."""
    if _ours(checkpoint) and holds(checkpoint, "dvae."):
        return checkpoint
    beside = checkpoint.parent.parent / CODEC
    return beside if beside.is_file() else None


def decoder_of(checkpoint: Path) -> Path | None:
    """The newest checkpoint of the chain that holds a decoder; None for the base model's."""
    held = (path for path in weight_chain(checkpoint) if _ours(path))
    return next((path for path in held if holds(path, "hifigan_decoder.")), None)


def epoch_of(checkpoint: Path) -> int | None:
    """The epoch whose weights a run's checkpoint holds; None where that is not known."""
    if named := _EPOCH.fullmatch(checkpoint.name):
        return int(named[1])
    ranked = _record(checkpoint).get("best_first") if checkpoint.name == BEST else None
    return int(ranked[0]["epoch"]) if ranked else None


def require_voice(checkpoint: Path) -> None:
    """Raise UserError for a run that trained the DVAE: its GPT does not know the new codes."""
    if _ours(checkpoint) and holds(checkpoint, "dvae."):
        raise UserError(
            f"{checkpoint}: a DVAE alone has no voice; train a GPT on its codes with "
            f"stage=gpt init_from={checkpoint.parent.parent}"
        )


def save_codec(base: Base, run_dir: Path) -> None:
    """Keep a codec that is not the base model's; later runs must read the same codes."""
    write_tensors(run_dir / CODEC, base.codec.trained_weights())


def _record(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint.parent / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _ours(checkpoint: Path) -> bool:
    """Whether xttslab wrote it: Coqui's files repeat the base model's decoder and DVAE."""
    return checkpoint.suffix == ".safetensors"
