"""Logits in, cross-entropies per clip out: one definition for training, evaluation and tests.

All sums are in nats. Means are taken late and over tokens, so they do not depend on how clips
were batched, accumulated or spread over devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from xttslab.data.batches import CODE, IGNORED, STOP, Batch
from xttslab.model.gpt import Logits


@dataclass(frozen=True)
class ClipLosses:
    """Sums and counts per clip, each of shape (B,).

    `code` covers the audio codes, `stops` the four stop targets of Coqui's count, `end` the first
    of them alone: whether the voice knows when to end.
    """

    text: Tensor
    text_tokens: Tensor
    code: Tensor
    code_tokens: Tensor
    stops: Tensor
    stop_tokens: Tensor
    end: Tensor
    end_tokens: Tensor

    @property
    def mel(self) -> Tensor:
        """What Coqui calls mel: codes and stops together."""
        return self.code + self.stops

    @property
    def mel_tokens(self) -> Tensor:
        """How many targets `mel` sums over."""
        return self.code_tokens + self.stop_tokens


def clip_losses(logits: Logits, batch: Batch) -> ClipLosses:
    """Cross-entropy of the next token, summed per clip; float32 whatever the logits are."""
    clips = len(batch.rows)
    text = F.cross_entropy(logits.text.float(), batch.text_targets, reduction="none")
    audio = F.cross_entropy(
        logits.audio.float(), batch.audio_targets, ignore_index=IGNORED, reduction="none"
    )
    counted = batch.audio_targets != IGNORED
    code = counted & (batch.audio_kinds == CODE)
    stops = counted & (batch.audio_kinds != CODE)
    end = counted & (batch.audio_kinds == STOP)

    def summed(values: Tensor, rows: Tensor) -> Tensor:
        return torch.zeros(clips, device=values.device).index_add(0, rows, values.float())

    parts = [text, torch.ones_like(text)]
    sums = [summed(part, batch.text_rows) for part in parts]
    for chosen in (code, stops, end):
        sums += [summed(audio * chosen, batch.audio_rows), summed(chosen, batch.audio_rows)]
    return ClipLosses(*sums)


def weighted_total(
    text: Tensor, mel: Tensor, text_weight: float = 0.01, mel_weight: float = 1.0
) -> Tensor:
    """Coqui's training objective (gpt_trainer.py): 0.01 · text CE + 1.0 · mel CE."""
    return text_weight * text + mel_weight * mel
