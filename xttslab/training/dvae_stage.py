"""Quantised vectors of codes in, how well they tell the text out: a reader that training needs.

A codebook that learns from mels alone spends its codes on what is loud and varied. Asked for the
text as well, by CTC (Graves et al. 2006), it keeps what words are told apart by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.crops import ClipBatch
from xttslab.data.examples import FRAMES_PER_CODE
from xttslab.model.codec import Codec
from xttslab.training.stage import SoundStage

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


class DvaeStage(SoundStage):
    """Trains encoder, codebook and decoder on the mean absolute error of the normalised log mel.

    Args:
        codec: trained in place.
        sample: recordings over which k-means places the codes, when `plain_steps` is not 0.
        optimizer, scheduler: constructors that lack only what they work on.
        seed: of what a step draws, see `Stage`.
        plain_steps: steps without the codebook at the start.
        commitment: weight of the encoder's distance from its codes (van den Oord, 1711.00937).
        revive_every: steps after which a code that was not used is set to an encoder output.
        text_weight: of the CTC loss of reading the clips' texts from their codes; 0: none.
        tokens: how many text tokens there are.
    """

    may_be_halved = False  # codes depend on every bit

    def __init__(
        self,
        codec: Codec,
        sample: Sequence[np.ndarray],
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        seed: int,
        plain_steps: int,
        commitment: float,
        revive_every: int,
        text_weight: float,
        tokens: int,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.codec = codec
        codec.dvae.requires_grad_(True)
        self.sample = sample
        self.plain_steps, self.commitment = plain_steps, commitment
        self.revive_every = revive_every
        self.text_weight = text_weight
        codes, dim = codec.dvae.codebook.n_embed, codec.dvae.codebook.dim
        self.spelling = Spelling(dim, tokens) if text_weight else None
        self.register_buffer("uses", torch.zeros(codes, dtype=torch.long))
        self.counts: list[Tensor] = []  # of the evaluation's batches, (codes,)

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        mel = self.codec.code_mel(batch.wave)[..., :-1]  # (B, 80, F), whole codes
        if self.global_step < self.plain_steps:
            error = _distance(self.codec.dvae.decoder(self.codec.dvae.encoder(mel)), mel, batch)
            self.note("train", {"mel_l1": error})
            return self.group_share(error, batch_idx)
        if self.plain_steps and self.global_step == self.plain_steps:
            self._place_codes()
        vectors = self.codec.encode_mel(mel)  # (B, T, C)
        quantised, codes, commitment = self._quantise(vectors)
        error = _distance(self.codec.dvae.decoder(quantised.transpose(1, 2)), mel, batch)
        self._revive(vectors.detach(), codes)
        loss = error + self.commitment * commitment
        parts = {"mel_l1": error, "commitment": commitment}
        if self.spelling is not None:
            parts["text_ctc"] = self.spelling.loss(quantised, batch)
            loss = loss + self.text_weight * parts["text_ctc"]
        self.note("train", parts)
        return self.group_share(loss, batch_idx)

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        mel = self.codec.code_mel(batch.wave)[..., :-1]
        codes = self.codec.quantise(self.codec.encode_mel(mel))
        made = self.codec.dvae.decode(codes)[0]
        scored = codes[_within(codes.shape[1], batch.codes)]
        self.counts.append(torch.bincount(scored, minlength=len(self.uses)))
        parts = {"mel_l1": _distance(made, mel, batch)}
        if self.spelling is not None:
            vectors = self.codec.dvae.codebook.embed_code(codes)  # (B, T, C)
            parts["text_ctc"] = self.spelling.loss(vectors, batch)
        self.note("eval", parts)

    def on_validation_epoch_end(self) -> None:
        """Beside the means: how many codes are in use, and how evenly."""
        super().on_validation_epoch_end()
        share = torch.stack(self.counts).sum(0).float()
        self.counts.clear()
        share = share[share > 0] / share.sum()
        perplexity = (-(share * share.log()).sum()).exp()
        used = {"eval/codes_used": float(len(share)), "eval/perplexity": perplexity}
        self.log_dict(used, logger=False)

    @property
    def trained(self) -> nn.Module:
        return self.codec.dvae

    @property
    def learning(self) -> nn.Module:
        parts = [part for part in (self.codec.dvae, self.spelling) if part is not None]
        return nn.ModuleList(parts)

    def trained_weights(self) -> dict[str, Tensor]:
        """What this stage trains, under the names that `model.base.load_codec` reads."""
        return self.codec.trained_weights()

    def _quantise(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Coqui's codebook, which learns only in training mode; the codec itself never is in it."""
        book = self.codec.dvae.codebook
        book.train()
        quantised, codes, distance = book(vectors)
        book.eval()
        return quantised, codes, distance

    def _place_codes(self) -> None:
        self.codec.fit(self.sample)
        self.codec.dvae.codebook.cluster_size.fill_(1.0)

    @torch.no_grad()
    def _revive(self, vectors: Tensor, codes: Tensor) -> None:
        self.uses += torch.bincount(codes.flatten(), minlength=len(self.uses))
        if (self.global_step + 1) % self.revive_every:
            return
        dead = (self.uses == 0).nonzero().squeeze(1)
        self.uses.zero_()
        points = vectors.flatten(0, 1)
        dead = dead[: len(points)]
        chosen = points[torch.randperm(len(points), device=points.device)[: len(dead)]].T
        book = self.codec.dvae.codebook
        book.embed[:, dead] = chosen
        book.embed_avg[:, dead] = chosen
        book.cluster_size[dead] = 1.0


def _distance(made: Tensor, mel: Tensor, batch: ClipBatch) -> Tensor:
    """Mean absolute error of mels (B, 80, F), padding left out."""
    error = (made - mel).abs().mean(1)  # (B, F)
    return error[_within(error.shape[1], batch.codes * FRAMES_PER_CODE)].mean()


def _within(length: int, lengths: Tensor) -> Tensor:
    """Where each of B rows is not padding, (B, length)."""
    return torch.arange(length, device=lengths.device)[None] < lengths[:, None]
