"""Coqui's GPT-2 blocks and conditioning blocks, run through PyTorch's fused attention.

The modules (hence weights, LoRA wrappers and checkpoints) are the libraries'; only the order of
operations is ours: causal attention without a mask, one fused GELU, no key/value cache in
training. The arithmetic is that of transformers' GPT2Block and Coqui's AttentionBlock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

Recompute = Literal["none", "cheap", "all"]
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
_KEPT = {
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
}


def run_blocks(gpt2: nn.Module, hidden: Tensor, recompute: Recompute = "none") -> Tensor:
    """Pass (B, T, D) embeddings through a GPT2Model's blocks, causally.

    `recompute` trades time for memory in the backward pass: "cheap" keeps the results of matrix
    products and attention and recomputes what lies between them, "all" keeps only each block's
    input.
    """
    hidden = gpt2.drop(hidden)
    for block in gpt2.h:
        run = partial(run_block, block, attend=partial(_causal, block.attn))
        if recompute == "none" or not torch.is_grad_enabled():
            hidden = run(hidden)
        else:
            hidden = checkpoint(run, hidden, use_reentrant=False, **_kept(recompute))
    return gpt2.ln_f(hidden)


def run_block(block: nn.Module, hidden: Tensor, attend: Attend) -> Tensor:
    """One GPT2Block on (B, T, D); `attend` mixes query, key, value, each (B, H, T, d)."""
    attention, mlp = block.attn, block.mlp
    batch, length, width = hidden.shape
    heads = (batch, length, attention.num_heads, attention.head_dim)
    query, key, value = attention.c_attn(block.ln_1(hidden)).split(width, dim=2)
    mixed = attend(*(part.view(heads).transpose(1, 2) for part in (query, key, value)))
    mixed = mixed.transpose(1, 2).reshape(batch, length, width)
    hidden = hidden + attention.resid_dropout(attention.c_proj(mixed))
    inner = F.gelu(mlp.c_fc(block.ln_2(hidden)), approximate="tanh")
    return hidden + mlp.dropout(mlp.c_proj(inner))


def run_conditioning(encoder: nn.Module, mel: Tensor) -> Tensor:
    """Coqui's ConditioningEncoder: normalised mel (B, 80, F) to features (B, D, F)."""
    hidden = encoder.init(mel)
    for block in encoder.attn:
        hidden = _conditioning_block(block, hidden)
    return hidden


def _conditioning_block(block: nn.Module, hidden: Tensor) -> Tensor:
    batch, width, frames = hidden.shape
    normed = block.norm(hidden)
    rows = normed.transpose(1, 2)  # (B, F, D): matrix products are faster than convolutions of 1
    parts = F.linear(rows, block.qkv.weight.squeeze(-1), block.qkv.bias)
    heads = (batch, frames, block.num_heads, 3, width // block.num_heads)
    query, key, value = parts.view(heads).permute(3, 0, 2, 1, 4)  # each (B, H, F, d)
    mixed = attention(query, key, value)
    mixed = mixed.transpose(1, 2).reshape(batch, frames, width)
    projected = F.linear(mixed, block.proj_out.weight.squeeze(-1), block.proj_out.bias)
    return normed + projected.transpose(1, 2)


def attention(
    query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention of (B, H, T, d) each.

    On a processor in bfloat16 the matrix instructions make plain products two to three times as
    fast as PyTorch's fused kernel (experiments/LOG.md); the scores are then rounded to bfloat16,
    as in transformers' eager attention.
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        with torch.autocast("cpu", enabled=False):  # which would take the softmax in float32
            return _plain_attention(query, key, value, dropout, causal)
    return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=causal)


def _plain_attention(
    query: Tensor, key: Tensor, value: Tensor, dropout: float, causal: bool
) -> Tensor:
    batch, heads, length, width = query.shape
    queries, keys, values = (part.flatten(0, 1) for part in (query, key, value))  # (B·H, T, d)
    unseen = query.new_zeros(length, key.shape[2])
    if causal:
        unseen.fill_(-torch.inf).triu_(1)
    scores = torch.baddbmm(
        unseen.expand(batch * heads, -1, -1), queries, keys.transpose(1, 2), alpha=width**-0.5
    )
    shares = F.dropout(scores.softmax(dim=-1), dropout, training=dropout > 0)
    return torch.bmm(shares, values).view(batch, heads, length, -1)


def _causal(module: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    dropout = module.attn_dropout.p if module.training else 0.0
    return attention(query, key, value, dropout, causal=True)


def _kept(recompute: Recompute) -> dict[str, Any]:
    if recompute == "all":
        return {}
    return {"context_fn": partial(create_selective_checkpoint_contexts, _policy)}


def _policy(_context: Any, operation: Any, *_args: Any, **_kwargs: Any) -> CheckpointPolicy:
    kept = operation in _KEPT
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE
