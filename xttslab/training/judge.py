"""Waves in, how real their mels look out: the adversary of `stage=decoder`.

A regression's mels are the mean of all that could be: too smooth, and heard as a voice behind a
curtain. The judge learns to tell them from recordings and so draws texture back. It sees log mels
alone: phases are the decoder's own affair, and pictures of 80 bands cost next to nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torch.func import functional_call

from xttslab.model.decoder import SPEECH_RATE

WIDTHS = (24, 48, 96)
FLOOR = 1e-4  # of mel magnitudes: quieter is silence


class Judge(nn.Module):
    """Patches of a log mel, about a quarter second by a third of the bands, scored near 1 for
    recordings and near 0 for a decoder's (least squares, arXiv 1611.04076)."""

    def __init__(self, rate: int = SPEECH_RATE) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            rate, n_fft=1024, hop_length=256, n_mels=80, power=1, norm="slaney"
        )
        sizes = zip((1, *WIDTHS[:-1]), WIDTHS, strict=True)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(before, after, 5, stride=2, padding=2))
            for before, after in sizes
        )
        self.score = nn.Conv2d(WIDTHS[-1], 1, 3, padding=1)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Waves (B, N) to the features of each layer, the scores (B, 1, bands, time) last."""
        hidden = self.mel(wave.float()).clamp(min=FLOOR).log().unsqueeze(1) / 3 + 1
        found = []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.score(hidden)]

    def distances(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """`judge`: how well it tells waves `made` (B, N) from recordings, whose gradients reach
        itself alone; `pull`: how far its features and scores of the two are apart, whose gradients
        reach `made` alone."""
        real, fake = self(wanted), self(made.detach())
        judge = (real[-1] - 1).pow(2).mean() + fake[-1].pow(2).mean()
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        seen = functional_call(self, fixed, (made,))
        apart = [(a - b.detach()).abs().mean() for a, b in zip(seen[:-1], real[:-1], strict=True)]
        return {"judge": judge, "pull": torch.stack(apart).mean() + (seen[-1] - 1).pow(2).mean()}
