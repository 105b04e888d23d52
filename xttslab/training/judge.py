"""Waves in, how real their mels look out: the adversary of `stage=decoder`.

A regression's mels are the mean of all that could be: too smooth, and heard as a voice behind a
curtain. The judge learns to tell them from recordings and so draws texture back. It sees two
pictures of a wave: long windows show the timbre; short ones, how suddenly a sound begins, of which
codes of 46 ms tell nothing. It sees log mels alone: phases are the decoder's own affair, and so few
bands cost next to nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from xttslab.model.codec import MelSpectrogram
from xttslab.model.decoder import SPEECH_RATE

LONG = {"n_fft": 1024, "hop_length": 256, "n_mels": 80}
SHORT = {"n_fft": 256, "hop_length": 64, "n_mels": 32}
WIDTHS = (16, 32, 64)
FLOOR = 1e-4  # of mel magnitudes: quieter is silence
STEEPER = 12.0  # how much more a step from a band or frame to the next counts than a level


class Judge(nn.Module):
    """Patches of every picture, scored near 1 for recordings and near 0 for a decoder's (least
    squares, arXiv 1611.04076)."""

    def __init__(self, rate: int = SPEECH_RATE) -> None:
        super().__init__()
        self.pictures = nn.ModuleList(Picture(rate, **sizes) for sizes in (LONG, SHORT))

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        """Waves (B, N) to what every picture's layers make of them."""
        return [picture(wave.float()) for picture in self.pictures]

    def distances(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """`judge`: how well it tells waves `made` (B, N) from recordings, whose gradients reach
        itself alone; `pull`: how far its features and scores of the two are apart, whose gradients
        reach `made` alone. Both are means over the pictures."""
        real, fake = self(wanted), self(made.detach())
        judge = [
            (theirs[-1] - 1).pow(2).mean() + ours[-1].pow(2).mean()
            for theirs, ours in zip(real, fake, strict=True)
        ]
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        pull = []
        for seen, aim in zip(functional_call(self, fixed, (made,)), real, strict=True):
            apart = [
                (a - b.detach()).abs().mean() for a, b in zip(seen[:-1], aim[:-1], strict=True)
            ]
            pull.append(torch.stack(apart).mean() + (seen[-1] - 1).pow(2).mean())
        return {"judge": torch.stack(judge).mean(), "pull": torch.stack(pull).mean()}


class Picture(nn.Module):
    """A mel spectrogram and the layers that look at it, each of which halves both sides."""

    def __init__(self, rate: int, **sizes: int) -> None:
        super().__init__()
        self.mel = MelSpectrogram(rate, power=1, norm="slaney", **sizes)
        sizes = zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(before, after, 5, stride=2, padding=2))
            for before, after in sizes
        )
        self.score = nn.Conv2d(WIDTHS[-1], 1, 3, padding=1)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Waves (B, N) to the features of each layer, the scores (B, 1, bands, time) last."""
        hidden = steps(self.mel(wave).clamp(min=FLOOR).log() / 3)
        found = []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.score(hidden)]


def steps(mel: Tensor) -> Tensor:
    """Log mels (B, bands, time), about −3 to 0, with their steps in time and over the bands as
    channels (B, 3, bands, time).

    They are what tells a decoder's mel from a recording's; from the levels alone a judge does not
    find them within the few thousand updates that it has.
    """
    in_time = F.pad(mel.diff(dim=2), (0, 1))
    over_bands = F.pad(mel.diff(dim=1), (0, 0, 0, 1))
    return torch.stack([mel + 1, STEEPER * in_time, STEEPER * over_bands], dim=1)
