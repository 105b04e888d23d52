"""Recorded and made speech in, how well they can be told apart out: the adversaries of a decoder.

Distances of spectra alone leave a decoder at the mean of all that could be said: blurred, buzzing.
Judges that learn to tell made from recorded speech make it choose.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torch.func import functional_call

from xttslab.training.spectral import RESOLUTIONS, magnitude

FEATURE_WEIGHT = 2.0  # of what the judges see against what they say, as in HiFi-GAN


class Judges(nn.Module):
    """One small judge for each of the resolutions of the spectral loss (UnivNet, 2106.07889)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.judges = nn.ModuleList(Judge(size, width) for size in RESOLUTIONS)

    def misjudged(self, made: Tensor, recorded: Tensor) -> Tensor:
        """The judges' own loss on waves (B, N): hinge (Geometric GAN, 1705.02894), 0 when all are
        told apart with a margin, 2 when nothing is."""
        losses = []
        for judge in self.judges:
            real, false = judge(recorded)[-1], judge(made.detach())[-1]
            losses.append(F.relu(1 - real).mean() + F.relu(1 + false).mean())
        return torch.stack(losses).mean()

    def detected(self, made: Tensor, recorded: Tensor) -> Tensor:
        """The decoder's loss on waves (B, N), the judges held still: what they say of made speech,
        and how differently they see both, relative to what they see (feature matching)."""
        losses = []
        for judge in self.judges:
            still = {name: value.detach() for name, value in judge.named_parameters()}
            *seen, said = functional_call(judge, still, made)
            with torch.no_grad():
                *wanted, _ = judge(recorded)
            pairs = zip(seen, wanted, strict=True)
            apart = [(one - other).abs().mean() / other.abs().mean() for one, other in pairs]
            losses.append(FEATURE_WEIGHT * torch.stack(apart).mean() - said.mean())
        return torch.stack(losses).mean()


class Judge(nn.Module):
    """Looks at patches of one spectrogram: convolutions that halve the frequencies."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.spectrogram = torchaudio.transforms.Spectrogram(size, hop_length=size // 4, power=None)
        channels = (1, width, 2 * width, 2 * width, 2 * width)
        strides = ((1, 2), (2, 2), (1, 2), (1, 2))
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(
                nn.Conv2d(before, after, (3, 5), stride, padding=(1, 2))
            )
            for before, after, stride in zip(channels, channels[1:], strides, strict=False)
        )
        self.last = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Waves (B, N) to what each layer sees (B, C, T, F) and, last, what is said (B, 1, T, F):
        above 0 where it sounds recorded."""
        seen = magnitude(self.spectrogram(wave)).mul(10).log1p()
        hidden = seen.transpose(1, 2).unsqueeze(1)  # (B, 1, T, F)
        found = []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.1)
            found.append(hidden)
        return [*found, self.last(hidden)]


def balanced(made: Tensor, *losses: tuple[Tensor, float]) -> Tensor:
    """One loss whose gradient at `made` is each loss's own, scaled to the length of the first
    one's times its weight (EnCodec's balancer, arXiv 2210.13438): weights that mean the same for
    every decoder. Its value is the first loss's.
    """
    gradients = [torch.autograd.grad(loss, made, retain_graph=True)[0] for loss, _ in losses]
    length = gradients[0].norm()
    pull = sum(
        weight * gradient * (length / gradient.norm().clamp(min=1e-12))
        for gradient, (_, weight) in zip(gradients, losses, strict=True)
    )
    through = (made * pull.detach()).sum()
    return losses[0][0].detach() + through - through.detach()
