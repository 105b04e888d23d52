"""XTTS's GPT on packed batches: Coqui's parameters, logits where there are targets, and losses."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from TTS.tts.layers.xtts.gpt import GPT

from xttslab.data.batches import CODE, IGNORED, STOP, Batch, TokenSpec
from xttslab.data.manifest import ClipLimits
from xttslab.model.transformer import Recompute, run_blocks, run_conditioning

# Coqui's GPT2Config has a vocabulary that is never used, smaller than GPT-2's own token numbers.
logging.getLogger("transformers.configuration_utils").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Logits:
    """Predictions at the positions that have a target: no padding, no prompt."""

    text: Tensor  # (N_t, text tokens)
    audio: Tensor  # (N_m, audio tokens)
    hidden: Tensor  # (B · L, D) the normalised states of all positions, which they are read from


class XttsGpt(GPT):
    """Coqui's `GPT` with the same parameter names, so checkpoints go both ways unchanged.

    Args:
        dropout: of embeddings and residual branches (GPT-2's and Coqui's value is 0.1).
        attention_dropout: of attention weights; above 0, CPUs fall back to a slower kernel.
        recompute: what the backward pass computes again to save memory.
        text_stop_seen: whether training shows the text's stop token as speaking does.
        architecture: Coqui's own constructor arguments.
    """

    def __init__(
        self,
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        recompute: Recompute = "none",
        text_stop_seen: bool = False,
        **architecture: Any,
    ) -> None:
        super().__init__(use_perceiver_resampler=True, checkpointing=False, **architecture)
        self.recompute = recompute
        self.text_stop_seen = text_stop_seen
        # As GPT-2's own: at PyTorch's deviation of 1, 40 times that of the positions, a model that
        # starts from nothing cannot tell where in the text it is, and never learns to read.
        for embedding in (self.text_embedding, self.mel_embedding):
            torch.nn.init.normal_(embedding.weight, std=0.02)
        self.gpt.drop.p = dropout
        for block in self.gpt.h:
            block.attn.resid_dropout.p = block.mlp.dropout.p = dropout
            block.attn.attn_dropout.p = attention_dropout

    @property
    def tokens(self) -> TokenSpec:
        """The token numbers that batches for this model must use."""
        return TokenSpec(
            self.start_text_token,
            self.stop_text_token,
            self.start_audio_token,
            self.stop_audio_token,
            len(self.conditioning_perceiver.latents),
            self.text_stop_seen,
        )

    @property
    def longest_text(self) -> int:
        """How many tokens a text may have, without start and stop."""
        return self.text_pos_embedding.emb.num_embeddings - 2

    @property
    def clip_limits(self) -> ClipLimits:
        """What a training clip may have: the audio positions also hold a start and three stops."""
        return ClipLimits(self.longest_text, self.mel_pos_embedding.emb.num_embeddings - 4)

    def prompt_latents(self, mel: Tensor) -> Tensor:
        """Normalised conditioning mel (B, 80, F) to the latents (B, 32, D) that carry the voice."""
        features = run_conditioning(self.conditioning_encoder, mel)  # (B, D, F)
        return self.conditioning_perceiver(features.transpose(1, 2))

    def embed_text(self, tokens: Tensor) -> Tensor:
        """Token numbers (B, T), start included, to embeddings with positions (B, T, D)."""
        return self.text_embedding(tokens) + self.text_pos_embedding(tokens)

    def embed_audio(self, tokens: Tensor) -> Tensor:
        """Codes (B, T), start included, to embeddings with positions (B, T, D)."""
        return self.mel_embedding(tokens) + self.mel_pos_embedding(tokens)

    def hidden(self, batch: Batch) -> Tensor:
        """Normalised hidden states in the packed layout, flattened to (B · L, D)."""
        embedded = self._embed(batch)  # (B, L, D)
        hidden = run_blocks(self.gpt, embedded, self.recompute)
        return self.final_norm(hidden).flatten(0, 1)

    def forward(self, batch: Batch) -> Logits:
        """Logits for every target of the batch, text first."""
        hidden = self.hidden(batch)
        return Logits(
            self.text_head(hidden.index_select(0, batch.text_at)),
            self.mel_head(hidden.index_select(0, batch.audio_at)),
            hidden,
        )

    def _embed(self, batch: Batch) -> Tensor:
        groups = [self.prompt_latents(mel) for _, mel in batch.prompts]
        members = torch.cat([rows for rows, _ in batch.prompts])
        latents = torch.cat(groups)[members.argsort()]  # (B, 32, D)
        parts = [latents, self.embed_text(batch.text), self.embed_audio(batch.audio)]
        every = torch.cat(parts, dim=1)  # (B, 32 + T_text + T_audio, D)
        return every.gather(1, batch.order.unsqueeze(-1).expand(-1, -1, every.shape[-1]))


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


def weighted_total(text: Tensor, mel: Tensor, text_weight: float, mel_weight: float) -> Tensor:
    """The training objective; Coqui's (gpt_trainer.py) has the weights 0.01 and 1.0."""
    return text_weight * text + mel_weight * mel
