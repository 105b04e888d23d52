"""Quantised vectors of codes in, how well they tell the text out: a reader that training needs.

A codebook that learns from mels alone spends its codes on what is loud and varied. Asked for the
text as well, by CTC (Graves et al. 2006), it keeps what words are told apart by.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xttslab.data.whole_clips import ClipBatch

PER_CODE = 2  # letters come faster than codes
WIDTH = 256


class Spelling(nn.Module):
    """Reads tokens from codes with a view of three codes to either side.

    Args:
        codebook_dim: size C of a code's vector.
        tokens: how many text tokens there are; one more stands for "none".
    """

    def __init__(self, codebook_dim: int, tokens: int) -> None:
        super().__init__()
        self.blank = tokens
        self.first = nn.Conv1d(codebook_dim, WIDTH, 3, padding=1)
        self.spread = nn.Conv1d(WIDTH, WIDTH * PER_CODE, 3, padding=1)
        self.last = nn.Conv1d(WIDTH, tokens + 1, 3, padding=1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (B, T, C) to log probabilities (PER_CODE · T, B, tokens + 1)."""
        hidden = F.gelu(self.spread(F.gelu(self.first(vectors.transpose(1, 2)))))
        batch, _, codes = hidden.shape
        finer = hidden.view(batch, WIDTH, PER_CODE, codes).transpose(2, 3).flatten(2)
        return self.last(finer).log_softmax(1).permute(2, 0, 1)

    def loss(self, vectors: Tensor, batch: ClipBatch) -> Tensor:
        """Nats a token (scalar). A text with more tokens than there is room for counts nothing."""
        found = self(vectors).float()
        lost = F.ctc_loss(
            found,
            batch.tokens,
            batch.codes * PER_CODE,
            batch.token_counts,
            blank=self.blank,
            reduction="sum",
            zero_infinity=True,
        )
        return lost / torch.clamp(batch.token_counts.sum(), min=1)
