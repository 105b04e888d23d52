"""Low-rank adapters of the GPT: added to it for training, merged into its weights after it.

LoRA (Hu et al., arXiv 2106.09685) through peft, on the projections of the GPT-2 blocks. What is
trained is saved alone, under peft's names and with its scale; merged, the names are Coqui's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from xttslab.errors import UserError

SCALE = "adapter.scale"  # beside the adapters in their file: alpha / rank
_DOWN, _UP, _BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer."


def add_lora(
    gpt: nn.Module, rank: int, alpha: float, dropout: float, targets: Sequence[str]
) -> None:
    """Put an adapter beside every module of `gpt.gpt` whose name ends in one of `targets`.

    The function of the model is unchanged until the first update (B starts at zero). Raises
    UserError for a target that names no projection of the blocks.
    """
    from peft import LoraConfig, inject_adapter_in_model

    present = {name.rpartition(".")[2] for name, _ in gpt.gpt.h.named_modules()}
    for target in targets:
        if target not in present:
            raise UserError(f"adapter.targets: {target!r} is in no block; use c_attn, c_proj, c_fc")
    settings = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=list(targets),
        fan_in_fan_out=True,  # transformers' Conv1D keeps its weight as (in, out)
    )
    inject_adapter_in_model(settings, gpt.gpt)


def adapter_scale(gpt: nn.Module) -> float | None:
    """alpha / rank of the adapters in `gpt`, None when it has none."""
    scales = [m.scaling["default"] for m in gpt.modules() if hasattr(m, "lora_A")]
    return float(scales[0]) if scales else None


def merge_adapters(
    tensors: Mapping[str, Tensor], base: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """A file of adapters, and the weights that they were trained beside, to plain weights.

    Args:
        tensors: adapters (`h.0.attn.c_attn.lora_A.default.weight`, …) and what else was trained.
        base: the weights that the adapters belong to; only those are read that have one.
        scale: alpha / rank.
    """
    plain = _plain({name: value for name, value in tensors.items() if _BASE not in name})
    origin = _plain(base)
    for name in tensors:
        if name.endswith(_DOWN):
            weight = f"{name.removesuffix(_DOWN)}.weight"
            down, up = tensors[name].float(), tensors[name.replace(_DOWN, _UP)].float()
            change = scale * (up @ down).T  # (in, out), as Conv1D keeps its weight
            plain[weight] = torch.add(origin[weight], change.to(origin[weight]))
    return plain


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.replace(_BASE, "."): value for name, value in state.items() if ".lora_" not in name
    }
