"""Attention: on a processor in bfloat16 it is written out, and the same up to rounding."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from xttslab.model.transformer import attention

SHAPE = (2, 3, 40, 16)  # batch, heads, positions, width


@pytest.fixture
def parts() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(SHAPE).bfloat16().requires_grad_() for _ in range(3)]


@pytest.mark.parametrize("causal", [False, True])
def test_bfloat16_gives_the_values_and_gradients_of_float32(
    parts: list[Tensor], causal: bool
) -> None:
    exact = [part.detach().float().requires_grad_() for part in parts]
    weight = torch.randn(SHAPE)
    ours = attention(*parts, causal=causal)
    theirs = F.scaled_dot_product_attention(*exact, is_causal=causal)
    torch.testing.assert_close(ours.float(), theirs, atol=0.02, rtol=0.02)
    (ours.float() * weight).sum().backward()
    (theirs * weight).sum().backward()
    for one, other in zip(parts, exact, strict=True):
        apart = (one.grad.float() - other.grad).norm() / other.grad.norm()
        assert apart < 0.01


def test_causal_attention_sees_nothing_that_comes_later(parts: list[Tensor]) -> None:
    query, key, value = parts
    short = attention(query[:, :, :7], key[:, :, :7], value[:, :, :7], causal=True)
    assert torch.equal(attention(query, key, value, causal=True)[:, :, :7], short)


def test_it_stays_in_bfloat16_under_autocast(parts: list[Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = attention(*parts, causal=True)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, attention(*parts, causal=True))


def test_dropout_drops_shares_and_keeps_their_mean(parts: list[Tensor]) -> None:
    query, key, _ = parts
    ones = torch.ones(SHAPE, dtype=torch.bfloat16)
    dropped = attention(query, key, ones, dropout=0.5).float()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)
    assert dropped.std().item() > 0.1
    whole = attention(query, key, ones)
    torch.testing.assert_close(whole.float(), torch.ones(SHAPE), atol=0.01, rtol=0)


def test_float32_is_left_to_the_fused_kernel(parts: list[Tensor]) -> None:
    exact = [part.detach().float() for part in parts]
    fused = F.scaled_dot_product_attention(*exact, is_causal=True)
    assert torch.equal(attention(*exact, causal=True), fused)
