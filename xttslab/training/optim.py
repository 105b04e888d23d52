"""Optimisers, learning-rate schedules, and which parameters are trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
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


def adamw_8bit(groups: Iterable[Any], fused: None = None, **settings: Any) -> Optimizer:
    """bitsandbytes' AdamW with 8-bit moments; `settings` are AdamW's.

    Raises UserError without a CUDA device or without the library.
    """
    if not torch.cuda.is_available():
        raise UserError("optim=adamw_8bit needs a CUDA device; use optim=adamw")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as fault:
        raise UserError(
            'optim=adamw_8bit needs bitsandbytes; pip install "xttslab[cuda]", or use optim=adamw'
        ) from fault
    return AdamW8bit(groups, **settings)


def constant(optimizer: Optimizer, total_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """The configured rate, after a linear warm-up."""
    return LambdaLR(optimizer, lambda step: _warmup(step, warmup_steps))


def cosine(
    optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, floor: float = 0.1
) -> LambdaLR:
    """Linear warm-up, then half a cosine from the configured rate down to `floor` times it
    (Loshchilov and Hutter, SGDR, arXiv 1608.03983, without restarts)."""
    falling = max(1, total_steps - warmup_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return _warmup(step, warmup_steps)
        done = min(1.0, (step - warmup_steps) / falling)
        return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)


def _warmup(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / steps) if steps else 1.0


class ConfiguredRate(pl.Callback):
    """Lets `resume=true optim.lr=…` have its effect: a checkpoint brings its own rate along."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for entry in trainer.lr_scheduler_configs:
            scheduler, optimizer = entry.scheduler, entry.scheduler.optimizer
            wanted = optimizer.defaults["lr"]
            for number, group in enumerate(optimizer.param_groups):
                restored = scheduler.base_lrs[number]
                if restored and restored != wanted:
                    group["lr"] *= wanted / restored
                    group["initial_lr"] = scheduler.base_lrs[number] = wanted


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
