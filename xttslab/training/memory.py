"""A model and a batch size in, the peak memory of training out, before anything is allocated.

The counts are of the tensors that PyTorch keeps for the backward pass, in multiples of
(tokens × width) per layer; tests/training/test_memory.py holds them against the real graph.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch
from torch import nn

if TYPE_CHECKING:
    from xttslab.model.transformer import Recompute

# What each preset takes at XTTS-v2's size with its fullest batch, in GB (conf/hardware/).
PRESETS = {"gpu_24gb": 18.0, "gpu_12gb": 9.7, "gpu_8gb": 7.0, "gpu_6gb": 4.8}
_FLOAT = 4  # bytes
_ADAM_BYTES = 8  # two float32 moments a parameter
_ADAM_8BIT_BYTES = 2
# Bytes per token, layer and unit of width. Whole values: the input of both norms (always float32),
# and of each matrix product, attention and GELU, with two dropout masks.
_KEPT_FLOAT32 = {"none": 72.0, "cheap": 44.0, "all": 4.0}
_KEPT_16_BIT = {"none": 40.0, "cheap": 26.0, "all": 4.0}
# Adapters see the inputs through a dropout of their own; "cheap" keeps their products too.
_ADAPTERS_KEPT = {"none": 33.0, "cheap": 36.0, "all": 0.0}
_CONDITIONING_KEPT = 194.0  # per prompt frame or latent and unit of width, all blocks
_LOGIT_COPIES = 3  # logits, their log-softmax, its gradient
_AROUND = 500_000_000  # codec, decoder, libraries and their workspaces
_CACHE_TOKENS = 700  # a sample sentence: 32 latents, its text, at most 605 codes


@dataclass(frozen=True)
class BatchSize:
    """The largest batch of a device."""

    clips: int
    tokens: int  # clips × longest packed row
    frames: int  # clips × longest prompt


@dataclass(frozen=True)
class Memory:
    """Bytes by what holds them; `speaking` and the pass forward and back are never there at once,
    nor are all activations while all gradients are."""

    weights: int
    optimizer: int
    gradients: int
    activations: int
    speaking: int

    @property
    def peak_gb(self) -> float:
        """The most at any one time, in 10⁹ bytes."""
        passing = max(self.gradients, self.activations, self.speaking)
        return (_AROUND + self.weights + self.optimizer + passing) / 1e9


def smaller_preset(there_gb: float, chosen: str | None = None) -> str | None:
    """The largest preset of `hardware=` that takes at most `there_gb`, and less than `chosen` does;
    None where there is none."""
    limit = PRESETS.get(chosen or "", float("inf"))
    return next((name for name, gb in PRESETS.items() if gb <= there_gb and gb < limit), None)


def estimate_memory(
    gpt: nn.Module, batch: BatchSize, half: bool, adam_8bit: bool, sentences: int = 0
) -> Memory:
    """What training `gpt` takes, with `requires_grad` and `recompute` as they are set on it.

    Args:
        half: 16-bit autocast, which also keeps a 16-bit copy of every matrix.
        adam_8bit: moments in 8 bits.
        sentences: how many sample sentences are spoken together.
    """
    parameters = list(gpt.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return Memory(
        weights=sum(p.numel() for p in parameters) * _FLOAT,
        optimizer=trained * (_ADAM_8BIT_BYTES if adam_8bit else _ADAM_BYTES),
        gradients=trained * _FLOAT,
        activations=round(_activations(gpt, batch, half)),
        speaking=sentences * _CACHE_TOKENS * gpt.layers * 2 * gpt.model_dim * _FLOAT,
    )


def _activations(gpt: nn.Module, batch: BatchSize, half: bool) -> float:
    recompute: Recompute = gpt.recompute
    whole = _KEPT_16_BIT if half else _KEPT_FLOAT32
    adapted = any(".lora_" in name for name, _ in gpt.named_parameters())
    kept = {name: whole[name] + adapted * _ADAPTERS_KEPT[name] for name in whole}
    layers = batch.tokens * gpt.layers * kept[recompute]
    if recompute != "none":  # one layer at a time is computed again
        layers += batch.tokens * kept["none"]
    prompted = next(gpt.conditioning_encoder.parameters()).requires_grad
    heard = batch.frames + batch.clips * len(gpt.conditioning_perceiver.latents)
    conditioning = heard * _CONDITIONING_KEPT if prompted else 0.0
    copies = sum(p.numel() for p in gpt.parameters() if p.dim() > 1) * 2 if half else 0
    widest = max(gpt.number_text_tokens / 4, gpt.num_audio_tokens)  # a quarter or less is text
    logits = batch.tokens * widest * _FLOAT * _LOGIT_COPIES
    return (layers + conditioning) * gpt.model_dim + copies + logits


def peak_memory_gb(device: torch.device) -> float:
    """The most memory used so far, in 10⁹ bytes: of the GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return _peak_of_process() / 1e9


def _peak_of_process() -> int:
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource  # psutil knows no peak elsewhere

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB on Linux
