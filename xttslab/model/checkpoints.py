"""Reads and writes checkpoint files as plain tensors; nothing in a file is executed.

Reads Coqui's released `model.pth` (a dictionary with `model`, in the original with a pickled
XttsConfig beside it), a Coqui trainer's `best_model.pth` (`xtts.` in front of every name, optimiser
and DVAE inside) and our own safetensors. Never writes to a file that it reads.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xttslab.errors import UserError
from xttslab.files import replacing

if TYPE_CHECKING:
    from torch import nn

# Parts that Coqui builds for inference; they repeat other weights of the same file.
_REPEATED = ("gpt_inference.", "gpt.wte.")
# What safetensors and torch's unpickler raise for damaged bytes.
_DAMAGED = (
    *(SafetensorError, pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError),
    *(LookupError, AttributeError, TypeError, AssertionError),
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All weights of a checkpoint, under the names of Coqui's `Xtts` (`gpt.…`, `mel_stats`).

    Raises UserError for a file that is missing, damaged, or holds more than data.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        loaded = _read_safe(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except _DAMAGED as fault:
        raise _unreadable(path, fault) from fault
    state = loaded.get("model", loaded) if isinstance(loaded, Mapping) else {}
    tensors = {
        name.removeprefix("xtts."): value
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise UserError(f"{path}: holds no weights; expected an XTTS checkpoint")
    return tensors


def holds(path: Path, prefix: str) -> bool:
    """Whether a checkpoint has weights of a part; Coqui's files are taken to have a GPT.

    Raises UserError for a safetensors file that is missing or damaged.
    """
    if path.suffix != ".safetensors":
        return prefix == "gpt."
    try:
        with safe_open(path, framework="pt") as file:
            return any(name.startswith(prefix) for name in file.keys())
    except (SafetensorError, OSError) as fault:
        raise _unreadable(path, fault) from fault


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of one part (`gpt.`, `dvae.`, `hifigan_decoder.`), names without the prefix."""
    cut = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    return {name: value for name, value in cut.items() if not name.startswith(_REPEATED)}


def load_part(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    prefix: str,
    origin: str,
    partial: bool = False,
) -> None:
    """Copy a part's weights into `module`, every one of them unless `partial`.

    Raises UserError that names the first weight that is missing, left over or of another size.
    """
    given, wanted = part(tensors, prefix), module.state_dict()
    for name in wanted:
        if name not in given:
            if partial and given:
                given[name] = wanted[name]
                continue
            raise UserError(f"{origin}: weight {prefix}{name} is missing; is it another model?")
        if given[name].shape != wanted[name].shape:
            sizes = f"{tuple(given[name].shape)}, the model wants {tuple(wanted[name].shape)}"
            raise UserError(f"{origin}: {prefix}{name} is {sizes}; choose the model= it is of")
    extra = sorted(set(given) - set(wanted))
    if extra:
        raise UserError(f"{origin}: weight {prefix}{extra[0]} is not of this model")
    module.load_state_dict(given)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], half: bool = False) -> None:
    """Write weights as safetensors, atomically; `half` stores floats in 16 bits."""
    stored = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous()
        for name, value in tensors.items()
    }
    try:
        with replacing(path, durable=True) as partial:
            partial.touch()
            mode = partial.stat().st_mode  # safetensors makes files that only their owner can read
            save_file(stored, partial)
            partial.chmod(mode)
    except (OSError, SafetensorError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise UserError(
            f"{path}: the checkpoint cannot be written ({reason}); free some space"
        ) from fault


def _unreadable(path: Path, fault: Exception) -> UserError:
    reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
    return UserError(f"{path}: cannot be read as a checkpoint ({reason}); put an intact copy there")


def _read_safe(path: Path) -> dict[str, Tensor]:
    """Copies of all tensors: those of safetensors are mapped, and Windows replaces no file (a run's
    best weights, by a better epoch) that is."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}


def _read_pickle(path: Path) -> Any:
    with torch.serialization.safe_globals(_coqui_classes()):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _coqui_classes() -> list[Any]:
    """The configuration classes in Coqui's files, under the module paths they had and have."""
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

    moved = [XttsArgs, XttsAudioConfig]
    old = [(kind, f"TTS.tts.models.xtts.{kind.__name__}") for kind in moved]
    return [*moved, XttsConfig, BaseDatasetConfig, *old]
