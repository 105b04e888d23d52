"""No test multiplies large bfloat16 matrices on the processor: without instructions for it (AVX-512
BF16, AMX) a million multiplications take 6 ms, a hundred times as long as in float32.

Wraps the functions by which Python code multiplies, with and without autocast; a product of more
than `LIMIT` multiplications fails the test. Not seen: convolutions, other processes, compiled
code, functions imported by name, and the backward pass, whose products are as large as those of the
forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LIMIT = 20_000_000  # 271 × 271 × 271
_WRAPPED = {
    torch: ("matmul", "mm", "bmm", "addmm", "baddbmm", "einsum"),
    Tensor: ("__matmul__", "matmul", "mm", "bmm", "addmm", "baddbmm"),
    functional: ("linear", "scaled_dot_product_attention"),
}


class LargeBfloat16(AssertionError):
    """A product that is slow on some processors."""


@cache
def install() -> None:
    """Wrap the products for the rest of this process."""
    for owner, names in _WRAPPED.items():
        for name in names:
            setattr(owner, name, _watched(name.strip("_"), getattr(owner, name)))


def _watched(name: str, real: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def multiply(*given: Any, **options: Any) -> Tensor:
        made = real(*given, **options)
        if not torch.compiler.is_compiling():
            _require_small(name, [value for value in given if type(value) in _REAL], made)
        return made

    return multiply


def _require_small(name: str, given: list[Tensor], made: Tensor) -> None:
    if made.dtype is not torch.bfloat16 or made.device.type != "cpu" or len(given) < 2:
        return
    left, right = given[1:3] if "add" in name else given[:2]
    # (n, k) × (k, m) = (n, m): the three sizes multiplied are (n · k · m)²
    size = math.isqrt(left.numel() * right.numel() * made.numel())
    if size > LIMIT:
        shapes = " by ".join(" × ".join(map(str, value.shape)) for value in (left, right))
        raise LargeBfloat16(
            f"{name} of {shapes} in bfloat16 on the processor: {size} multiplications, more than "
            f"{LIMIT}; make it smaller, or count without computing (FakeTensorMode)"
        )


_REAL = (Tensor, torch.nn.Parameter)  # a FakeTensor computes nothing
