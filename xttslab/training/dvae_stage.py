"""The Lightning module of `stage=dvae`: trains the codec's encoder, codebook and decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.audio import FRAMES_PER_CODE
from xttslab.data.segments import ClipBatch
from xttslab.model.codec import Codec
from xttslab.training.stage import AveragingStage


class DvaeStage(AveragingStage):
    """Trains encoder, codebook and decoder on the mean absolute error of the normalised log mel.

    Args:
        codec: trained in place.
        sample: recordings over which k-means places the codes, when `plain_steps` is not 0.
        optimizer, scheduler: constructors that lack only what they work on.
        seed: of what a step draws, see `Stage`.
        plain_steps: steps without the codebook at the start.
        commitment: weight of the encoder's distance from its codes (van den Oord, 1711.00937).
        revive_every: steps after which a code that was not used is set to an encoder output.
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
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.codec = codec
        codec.dvae.requires_grad_(True)
        self.sample = sample
        self.plain_steps, self.revive_every = plain_steps, revive_every
        self.weights = {"mel_l1": 1.0, "commitment": commitment}
        self.register_buffer("uses", torch.zeros(codec.dvae.codebook.n_embed, dtype=torch.long))
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
        parts = {**self.distances(quantised, mel, batch), "commitment": commitment}
        self._revive(vectors.detach(), codes)
        self.note("train", parts)
        loss = sum(self.weights[name] * value for name, value in parts.items())
        return self.group_share(loss, batch_idx)

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        mel = self.codec.code_mel(batch.wave)[..., :-1]
        codes = self.codec.quantise(self.codec.encode_mel(mel))
        scored = codes[_within(codes.shape[1], batch.codes)]
        self.counts.append(torch.bincount(scored, minlength=len(self.uses)))
        vectors = self.codec.dvae.codebook.embed_code(codes)  # (B, T, C)
        self.note("eval", self.distances(vectors, mel, batch))

    def trial_loss(self, batch: ClipBatch) -> Tensor:
        mel = self.codec.code_mel(batch.wave)[..., :-1]
        return self.distances(self.codec.encode_mel(mel), mel, batch)["mel_l1"]

    def distances(self, vectors: Tensor, mel: Tensor, batch: ClipBatch) -> dict[str, Tensor]:
        """Distances of what the decoder makes of code vectors (B, T, C) from a batch's mels
        (B, 80, F), as scalars by name; in training each counts by its weight in `weights`."""
        made = self.codec.dvae.decoder(vectors.transpose(1, 2))
        return {"mel_l1": _distance(made, mel, batch)}

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
