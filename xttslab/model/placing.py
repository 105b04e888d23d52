"""A voice in, the same voice where and how it is to compute out."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from xttslab.errors import UserError

if TYPE_CHECKING:
    from xttslab.model.gpt import XttsGpt
    from xttslab.model.voice import Voice

Precision = Literal["float32", "bf16"]
_SLOWER = 2.0  # instructions for bfloat16 make it about as fast as float32, or faster


def place(voice: Voice, device: str = "auto", precision: Precision = "float32") -> Voice:
    """Move all models to `device`; "auto" is a GPU where there is one.

    With "bf16" the GPT computes in 16 bits for good, in half the memory. Raises UserError for a
    device that is not there, and for a processor that is slower in 16 bits.
    """
    if precision not in ("float32", "bf16"):
        raise UserError(f"precision={precision}: a voice speaks in float32 or bf16")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "bf16" and device.startswith("cpu") and (fault := slow_bfloat16()):
        raise UserError(f"precision=bf16: {fault}; use precision=float32")
    try:
        for part in (voice.gpt, voice.codec, voice.decoder):
            part.to(device)
    except (RuntimeError, AssertionError) as fault:
        reason = str(fault).splitlines()[0]
        raise UserError(f"device={device}: not usable here ({reason}); try device=cpu") from fault
    if precision == "bf16":
        _halve(voice.gpt)
    return voice


def slow_bfloat16() -> str:
    """Why bfloat16 is not worth using on this processor; "" where it is as fast as float32.

    Without AVX-512 BF16 or AMX it is emulated, up to 140 times more slowly than float32.
    """
    slowdown = bfloat16_slowdown()
    if slowdown < _SLOWER:
        return ""
    return f"this processor multiplies matrices {slowdown:.0f} times more slowly in bfloat16"


@cache
def bfloat16_slowdown() -> float:
    """How many times as long as in float32 a small matrix product takes in bfloat16 on the
    processor; tried once a process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other longer than they work, on a busy machine
    try:
        trials = [(_product_s(torch.bfloat16), _product_s(torch.float32)) for _ in range(10)]
    finally:
        torch.set_num_threads(threads)
    # The first of each is slow on every processor, and others may be disturbed.
    half, whole = map(min, zip(*trials, strict=True))
    return half / whole


def _product_s(kind: torch.dtype) -> float:
    left, right = torch.ones(64, 256, dtype=kind), torch.ones(256, 256, dtype=kind)
    started = time.perf_counter()
    torch.mm(left, right)
    return time.perf_counter() - started


def _halve(gpt: XttsGpt) -> None:
    """16-bit weights for all that a step of speaking reads, GPT-2's matrices in the layout that
    16-bit products are fast in. What hears the reference runs once and stays exact."""
    for block in gpt.gpt.h:
        for owner, name in (
            (block.attn, "c_attn"),
            (block.attn, "c_proj"),
            (block.mlp, "c_fc"),
            (block.mlp, "c_proj"),
        ):
            setattr(owner, name, _linear(getattr(owner, name)))
    for name, part in gpt.named_children():
        if not name.startswith("conditioning"):
            part.to(torch.bfloat16)


def _linear(matrix: Conv1D | nn.Linear) -> nn.Linear:
    """The same product with the weight stored (out, in) instead of (in, out), if it is not yet."""
    if isinstance(matrix, nn.Linear):
        return matrix
    inputs, outputs = matrix.weight.shape
    linear = nn.Linear(inputs, outputs, device="meta")
    linear.weight = nn.Parameter(matrix.weight.detach().T.contiguous(), requires_grad=False)
    linear.bias = nn.Parameter(matrix.bias.detach(), requires_grad=False)
    return linear
