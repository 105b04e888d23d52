"""Parameter groups in, an optimiser from an optional library out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from xttslab.errors import UserError


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
