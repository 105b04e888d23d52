"""The suite notices large products in bfloat16 on the processor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.bfloat16 import LIMIT, LargeBfloat16

SIDE = 280
PRODUCTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "operator": lambda a, b: a @ b,
    "matmul": lambda a, b: torch.matmul(a, b),
    "mm": lambda a, b: torch.mm(a, b),
    "method": lambda a, b: a.mm(b),
    "bmm": lambda a, b: torch.bmm(a[None], b[None]),
    "addmm": lambda a, b: torch.addmm(a[0], a, b),
    "einsum": lambda a, b: torch.einsum("ij,jk->ik", a, b),
    "linear": lambda a, b: functional.linear(a, b),
    "attention": lambda a, b: functional.scaled_dot_product_attention(
        *[a[None, None]] * 2, b[None, None]
    ),
    "layer": lambda a, b: torch.nn.Linear(SIDE, SIDE, dtype=a.dtype)(a),
}


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS.keys())
def test_large_products_are_noticed(product: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert SIDE**3 > LIMIT
    large = torch.zeros(SIDE, SIDE)
    assert product(large, large).numel() == SIDE * SIDE
    with pytest.raises(LargeBfloat16, match=r"280 × 280 .* in bfloat16.*: 21952000 multiplicat"):
        product(large.bfloat16(), large.bfloat16())
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(LargeBfloat16):
        product(large, large)


def test_small_ones_are_let_be() -> None:
    small = torch.zeros(200, 200)
    assert (small.bfloat16() @ small.bfloat16()).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert (small @ small).dtype == torch.bfloat16
