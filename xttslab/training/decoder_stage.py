"""GPT latents and recordings in, a trained decoder out: the Lightning module of `stage=decoder`.

The latents are those of the very GPT that will speak, on real clips (teacher-forced), so that the
decoder learns what this voice's hidden states sound like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.crops import DecoderCut
from xttslab.training.judge import Judge
from xttslab.training.sound_stage import SoundStage
from xttslab.training.spectral import SpectralLoss

EDGE = 1024  # samples at a cut's ends that are not scored: what is beside them was cut away


class DecoderStage(SoundStage):
    """Trains a decoder (XTTS's HiFi-GAN or the small one) on cuts of clips.

    Args:
        decoder: trained in place; any module with the interface of `model.decoder.Decoder`.
        optimizer, scheduler: constructors that lack only what they work on.
        seed: of what a step draws, see `Stage`.
        mel_weight, convergence_weight, bins_weight: of the spectral distances.
        pitch_weight: of the pitch, where the decoder has one of its own.
        judge_weight: of an adversary's pull (`training.judge`); 0: none.
        speaker_weight: of the loss that makes a clip's speaker embedding nearer to another clip of
            its voice than to the batch's other voices (0: the speaker encoder is frozen).
    """

    def __init__(
        self,
        decoder: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        seed: int,
        mel_weight: float,
        convergence_weight: float,
        bins_weight: float,
        pitch_weight: float,
        judge_weight: float,
        speaker_weight: float,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.decoder = decoder.requires_grad_(True)
        if not speaker_weight:
            decoder.speaker_encoder.requires_grad_(False)
        self.distance = SpectralLoss()
        self.weights = {
            "mel": mel_weight,
            "convergence": convergence_weight,
            "bins": bins_weight,
            "pitch": pitch_weight,
            "judge": 1.0,
            "pull": judge_weight,
        }
        self.judge = Judge() if judge_weight else None
        self.speaker_weight = speaker_weight
        self.train()  # a base's decoder comes in evaluation mode, and Lightning leaves it there

    def train(self, mode: bool = True) -> DecoderStage:
        """The decoder draws new noise for every cut while it learns; what XTTS-v2's speaker encoder
        knows of the spread of its features (batch norms) stays as it is."""
        super().train(mode)
        self.decoder.speaker_encoder.eval()
        return self

    def training_step(self, cut: DecoderCut, batch_idx: int) -> Tensor:
        speaker = self._embed(cut.reference)
        made, parts = self._made(cut, speaker)
        if self.judge is not None:
            parts |= self.judge.distances(made, self._scored(cut.wave, made))
        loss = sum(self.weights[name] * value for name, value in parts.items())
        if self.speaker_weight:
            parts["speaker"] = contrast(
                speaker.squeeze(-1), self._embed(cut.own).squeeze(-1), cut.voice
            )
            loss = loss + self.speaker_weight * parts["speaker"]
        self.note("train", parts)
        return self.group_share(loss, batch_idx)

    def validation_step(self, cut: DecoderCut, batch_idx: int) -> None:
        _, parts = self._made(cut, self._embed(cut.reference))
        self.note("eval", parts)

    @property
    def trained(self) -> nn.Module:
        return self.decoder

    @property
    def learning(self) -> nn.Module:
        parts = [part for part in (self.decoder, self.judge) if part is not None]
        return nn.ModuleList(parts)

    @property
    def clipped_apart(self) -> Mapping[str, nn.Module]:
        return {} if self.judge is None else {"discriminator": self.judge}

    def trained_weights(self) -> dict[str, Tensor]:
        """The decoder with its speaker encoder, under the names of Coqui's `Xtts`."""
        state = self.decoder.state_dict()
        return {f"hifigan_decoder.{name}": value for name, value in state.items()}

    def _embed(self, wave: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.speaker_weight > 0):
            return self.decoder.embed_speaker(wave)

    def _made(self, cut: DecoderCut, speaker: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The decoder's waves (B, N) without their edges, and how far they are from the cut's."""
        made, own = self.decoder.rehearse(cut.latents, speaker, cut.pitch)
        made = made.squeeze(1).float()[..., : cut.wave.shape[-1]]
        made = made[:, EDGE:-EDGE]
        return made, {**self.distance(made, self._scored(cut.wave, made)), **own}

    def _scored(self, wave: Tensor, made: Tensor) -> Tensor:
        return wave[:, EDGE : EDGE + made.shape[-1]]


def contrast(one: Tensor, other: Tensor, voice: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of finding a clip's voice among the batch's (InfoNCE, arXiv 1807.03748).

    Unit vectors (B, S) of two cuts of each clip's voice; `voice` (B,) numbers the voices, so that
    a voice that the batch holds twice is not its own counter-example.
    """
    scores = one @ other.T / temperature  # (B, B)
    same = (voice[:, None] == voice[None]) & ~torch.eye(len(voice), dtype=torch.bool).to(
        voice.device
    )
    scores = scores.masked_fill(same, -torch.inf)
    wanted = torch.arange(len(voice), device=voice.device)
    return F.cross_entropy(scores, wanted)
