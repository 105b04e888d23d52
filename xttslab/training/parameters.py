"""A model in, the parameters to train out: frozen by name, decayed by kind."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from xttslab.errors import UserError

# What a name in `train_only` opens, as prefixes of parameter names of Coqui's GPT.
PARTS = {
    "gpt": ("gpt.", "final_norm."),
    "heads": ("text_head.", "mel_head."),
    "embeddings": ("text_embedding.", "mel_embedding.", "text_pos_", "mel_pos_"),
    "conditioning": ("conditioning_encoder.", "conditioning_perceiver."),
}
_DECAYED = (nn.Linear, nn.Conv1d, Conv1D)


def train_only(model: nn.Module, parts: Sequence[str]) -> None:
    """Freeze all but the named parts; an empty list trains everything.

    A name is one of PARTS or a prefix of parameter names (`gpt.h.29`). Raises UserError for one
    that matches nothing.
    """
    if not parts:
        return
    names = [name for name, _ in model.named_parameters()]
    prefixes = {part: PARTS.get(part, (part,)) for part in parts}
    for part, starts in prefixes.items():
        if not any(name.startswith(starts) for name in names):
            raise UserError(f"train_only: {part!r} names no parameter; use {', '.join(PARTS)}")
    opened = tuple(start for starts in prefixes.values() for start in starts)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(opened))


def train_adapters(model: nn.Module, parts: Sequence[str]) -> None:
    """Train the adapters that `model` has, the named parts in full, and nothing else."""
    if parts:
        train_only(model, parts)
    else:
        model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.requires_grad_(True)


def decay_groups(model: nn.Module) -> list[dict[str, object]]:
    """Two optimiser groups: weights of linear and convolution layers decay, biases, norms and
    embeddings do not."""
    decayed, plain = [], []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                matrix = isinstance(module, _DECAYED) and name == "weight"
                (decayed if matrix else plain).append(parameter)
    return [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that training changes, and all buffers; frozen weights are kept elsewhere."""
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}
