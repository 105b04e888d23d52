"""The Lightning modules that train a base from nothing: each stage with one more objective.

They take the place of the package's through `stage.module._target_`. Codes must tell the text
(CTC), the GPT's hidden states the mel of their code, and speaker embeddings the voice; the GPT is
given some codes wrong, as its own speech will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xttslab.data.audio import FRAMES_PER_CODE, MEL_BINS
from xttslab.data.batches import CODE, Batch
from xttslab.data.segments import ClipBatch, SegmentBatch
from xttslab.model.codec import Codec
from xttslab.model.gpt import ClipLosses, Logits
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.dvae_stage import DvaeStage
from xttslab.training.gpt_stage import GptStage

OUTPUTS_PER_CODE = 2  # of the CTC head: letters come faster than codes
CTC_WIDTH = 256


class CtcHead(nn.Module):
    """Reads text from the vectors of codes, with a view of three codes to either side (CTC, Graves
    et al. 2006).

    Args:
        codebook_dim: size C of a code's vector.
        tokens: how many text tokens there are; one more is the blank.
    """

    def __init__(self, codebook_dim: int, tokens: int) -> None:
        super().__init__()
        self.blank = tokens
        self.first = nn.Conv1d(codebook_dim, CTC_WIDTH, 3, padding=1)
        self.spread = nn.Conv1d(CTC_WIDTH, CTC_WIDTH * OUTPUTS_PER_CODE, 3, padding=1)
        self.last = nn.Conv1d(CTC_WIDTH, tokens + 1, 3, padding=1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors (B, T, C) to log probabilities (OUTPUTS_PER_CODE · T, B, tokens + 1)."""
        hidden = F.gelu(self.spread(F.gelu(self.first(vectors.transpose(1, 2)))))
        batch, _, codes = hidden.shape
        finer = hidden.view(batch, CTC_WIDTH, OUTPUTS_PER_CODE, codes).transpose(2, 3).flatten(2)
        return self.last(finer).log_softmax(1).permute(2, 0, 1)

    def loss(self, vectors: Tensor, batch: ClipBatch) -> Tensor:
        """Nats a token (scalar). A text with more tokens than there is room for counts nothing."""
        lost = F.ctc_loss(
            self(vectors).float(),
            batch.tokens,
            batch.codes * OUTPUTS_PER_CODE,
            batch.token_counts,
            blank=self.blank,
            reduction="sum",
            zero_infinity=True,
        )
        return lost / torch.clamp(batch.token_counts.sum(), min=1)


class BaseDvaeStage(DvaeStage):
    """A codebook that learns from mels alone spends its codes on what is loud and varied; asked for
    the text as well, it keeps what words are told apart by.

    Args:
        ctc_weight: of the CTC loss.
        tokens: how many text tokens there are.
    """

    def __init__(
        self,
        codec: Codec,
        sample: Sequence[np.ndarray],
        ctc_weight: float,
        tokens: int,
        **settings: Any,
    ) -> None:
        super().__init__(codec, sample, **settings)
        self.ctc_head = CtcHead(codec.dvae.codebook.dim, tokens)
        self.weights["text_ctc"] = ctc_weight

    @property
    def learning(self) -> nn.Module:
        return nn.ModuleList([self.codec.dvae, self.ctc_head])

    def distances(self, vectors: Tensor, mel: Tensor, batch: ClipBatch) -> dict[str, Tensor]:
        parts = super().distances(vectors, mel, batch)
        return {**parts, "text_ctc": self.ctc_head.loss(vectors, batch)}


class BaseGptStage(GptStage):
    """A GPT whose hidden states keep for a decoder how the voice sounds, and that goes on from
    codes that are wrong.

    Args:
        mel_aux_weight: of the distance between the mel of each code's 46 ms and what a linear head
            predicts of it from the hidden state that has the code as input.
        code_corruption: share of the input codes that are given wrong.
    """

    def __init__(
        self, gpt: nn.Module, *data: Any, mel_aux_weight: float, code_corruption: float, **rest: Any
    ) -> None:
        super().__init__(gpt, *data, **rest)
        self.mel_aux_weight, self.code_corruption = mel_aux_weight, code_corruption
        self.mel_head = nn.Linear(gpt.model_dim, MEL_BINS * FRAMES_PER_CODE)
        self.mel_distances: list[Tensor] = []  # of the epoch's steps

    @property
    def learning(self) -> nn.Module:
        return nn.ModuleList([self.gpt, self.mel_head])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return super().training_step(corrupt_codes(batch, self.code_corruption), batch_idx)

    def total_loss(self, losses: ClipLosses, logits: Logits, batch: Batch) -> Tensor:
        """The usual loss and the head's distance."""
        at = batch.audio_at[batch.audio_kinds == CODE] + 1  # where each code is the input
        predicted = self.mel_head(logits.hidden.index_select(0, at)).float()
        distance = (predicted - self._code_mels(batch)).abs().mean()
        self.mel_distances.append(distance.detach())
        return super().total_loss(losses, logits, batch) + self.mel_aux_weight * distance

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        self.publish({"train/mel_aux_l1": torch.stack(self.mel_distances).mean().item()})
        self.mel_distances.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        head = self.mel_head.state_dict()
        checkpoint["state_dict"] |= {f"mel_head.{name}": value for name, value in head.items()}

    def _code_mels(self, batch: Batch) -> Tensor:
        """The mel of each code of the batch's clips, (codes, MEL_BINS · FRAMES_PER_CODE)."""
        data = self.trainer.datamodule
        clips = [data.store[data.clips[row].key] for row in batch.rows.tolist()]
        mels = [mel_by_code(clip.mel, len(clip.codes)) for clip in clips]
        return torch.from_numpy(np.concatenate(mels).astype(np.float32)).to(self.device)


def corrupt_codes(batch: Batch, share: float) -> Batch:
    """The batch with about `share` of its input codes replaced by others of their clip; what is to
    be predicted stays as it is."""
    audio = batch.audio  # (B, T_audio): start, codes, stops
    counts = batch.audio_rows[batch.audio_kinds == CODE].bincount(minlength=len(audio))[:, None]
    places = torch.arange(audio.shape[1], device=audio.device)[None]
    is_code = (places >= 1) & (places <= counts)
    chosen = (torch.rand(audio.shape, device=audio.device) * counts).long() + 1
    others = audio.gather(1, torch.minimum(chosen, counts))
    wrong = is_code & (torch.rand(audio.shape, device=audio.device) < share)
    return replace(batch, audio=torch.where(wrong, others, audio))


def mel_by_code(mel: np.ndarray, codes: int) -> np.ndarray:
    """The conditioning mel (80, frames) of a clip as one row a code, (codes, 320); the last frame
    stands for those that are missing."""
    frames = mel[:, : codes * FRAMES_PER_CODE]
    missing = codes * FRAMES_PER_CODE - frames.shape[1]
    whole = np.pad(frames, ((0, 0), (0, missing)), mode="edge")
    return whole.T.reshape(codes, -1)


class BaseDecoderStage(DecoderStage):
    """A decoder whose speaker encoder learns too, to tell voices apart.

    Args:
        speaker_weight: of the contrastive loss.
    """

    def __init__(self, decoder: nn.Module, speaker_weight: float, **settings: Any) -> None:
        super().__init__(decoder, **settings)
        self.decoder.speaker_encoder.requires_grad_(True)
        self.weights["speaker"] = speaker_weight

    def embed(self, wave: Tensor) -> Tensor:
        """Waves (B, M) at 22,050 Hz to speaker embeddings (B, S, 1)."""
        return self.decoder.embed_speaker(wave)

    def losses(self, batch: SegmentBatch, speaker: Tensor) -> dict[str, Tensor]:
        parts = super().losses(batch, speaker)
        own = self.embed(batch.own).squeeze(-1)
        return {**parts, "speaker": contrastive_loss(speaker.squeeze(-1), own, batch.voice)}


def contrastive_loss(one: Tensor, other: Tensor, voice: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of finding a clip's voice among the batch's (InfoNCE, arXiv 1807.03748).

    Unit vectors (B, S) of two segments of each clip's voice; `voice` (B,) numbers the voices, so
    that a voice that the batch holds twice is not its own counter-example.
    """
    scores = one @ other.T / temperature  # (B, B)
    same = (voice[:, None] == voice[None]) & ~torch.eye(len(voice), dtype=torch.bool).to(
        voice.device
    )
    scores = scores.masked_fill(same, -torch.inf)
    wanted = torch.arange(len(voice), device=voice.device)
    return F.cross_entropy(scores, wanted)
