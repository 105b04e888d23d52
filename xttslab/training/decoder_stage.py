"""The Lightning module of `stage=decoder`, its spectral losses and its discriminator of mels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.segments import SegmentBatch
from xttslab.model.codec import MelSpectrogram
from xttslab.model.decoder import SPEECH_RATE
from xttslab.training.stage import AveragingStage

# Of the discriminator: its two mels, the channels of its layers, magnitudes below which all is
# silence, and how much more a difference between neighbours counts than a level.
LONG = {"n_fft": 1024, "hop_length": 256, "n_mels": 80}
SHORT = {"n_fft": 256, "hop_length": 64, "n_mels": 32}
WIDTHS = (16, 32, 64)
MEL_FLOOR = 1e-4
DIFFERENCE_GAIN = 12.0
# Of the spectral loss.
RESOLUTIONS = (512, 1024, 2048)  # FFT sizes; windows as long, hops a quarter
MEL_BINS = (40, 80, 120)  # at each
SPECTRUM_FLOOR = 1e-5  # of mel magnitudes, under which all is silence
QUIETEST = 1e-2  # magnitude of a bin, some 75 dB below a loud vowel's, under which all is silence
EDGE = 1024  # samples at a segment's ends that are not scored: what was beside them is not there


class DecoderStage(AveragingStage):
    """Trains a decoder (XTTS's HiFi-GAN or the small one) on segments of clips; the speaker encoder
    stays as it is.

    Args:
        decoder: trained in place; any module with the interface of `model.decoder.Decoder`.
        optimizer, scheduler: constructors that lack only what they work on.
        seed: of what a step draws, see `Stage`.
        mel_weight, convergence_weight, bins_weight: of the spectral distances.
        pitch_weight: of the pitch, where the decoder has one of its own.
        adv_weight: of the adversarial and the feature-matching loss; 0: no discriminator.
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
        adv_weight: float,
    ) -> None:
        super().__init__(optimizer, scheduler, seed)
        self.decoder = decoder.requires_grad_(True)
        decoder.speaker_encoder.requires_grad_(False)
        self.distance = SpectralLoss()
        self.weights = {
            "mel": mel_weight,
            "convergence": convergence_weight,
            "bins": bins_weight,
            "pitch": pitch_weight,
            "discriminator": 1.0,
            "adversarial": adv_weight,
            "feature_matching": adv_weight,
        }
        self.discriminator = Discriminator() if adv_weight else None
        self.train()  # a base's decoder comes in evaluation mode, and Lightning leaves it there

    def train(self, mode: bool = True) -> DecoderStage:
        """The decoder draws new noise for every segment while it learns; what XTTS-v2's speaker
        encoder knows of the spread of its features (batch norms) stays as it is."""
        super().train(mode)
        self.decoder.speaker_encoder.eval()
        return self

    def training_step(self, batch: SegmentBatch, batch_idx: int) -> Tensor:
        parts = self.losses(batch, self.embed(batch.reference))
        self.note("train", parts)
        return self.group_share(self._total(parts), batch_idx)

    def trial_loss(self, batch: SegmentBatch) -> Tensor:
        return self._total(self.losses(batch, self.embed(batch.reference)))

    def _total(self, parts: Mapping[str, Tensor]) -> Tensor:
        return sum(self.weights[name] * value for name, value in parts.items())

    def losses(self, batch: SegmentBatch, speaker: Tensor) -> dict[str, Tensor]:
        """Of a step of training, as scalars by name; each counts by its weight in `weights`."""
        made, parts = self.synthesise(batch, speaker)
        if self.discriminator is not None:
            parts |= self.discriminator.losses(made, _scored(batch.wave, made))
        return parts

    def validation_step(self, batch: SegmentBatch, batch_idx: int) -> None:
        _, parts = self.synthesise(batch, self.embed(batch.reference))
        self.note("eval", parts)

    def embed(self, wave: Tensor) -> Tensor:
        """Waves (B, M) at 22,050 Hz to speaker embeddings (B, S, 1), without gradients."""
        with torch.no_grad():
            return self.decoder.embed_speaker(wave)

    def synthesise(self, batch: SegmentBatch, speaker: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The decoder's waves (B, N) without their edges, and how far they are from the batch's."""
        made, own = self.decoder.training_forward(batch.latents, speaker, batch.pitch)
        made = made.squeeze(1).float()[..., : batch.wave.shape[-1]]
        made = made[:, EDGE:-EDGE]
        return made, {**self.distance(made, _scored(batch.wave, made)), **own}

    @property
    def trained(self) -> nn.Module:
        return self.decoder

    @property
    def learning(self) -> nn.Module:
        parts = [part for part in (self.decoder, self.discriminator) if part is not None]
        return nn.ModuleList(parts)

    @property
    def clipped_apart(self) -> Mapping[str, nn.Module]:
        return {} if self.discriminator is None else {"discriminator": self.discriminator}

    def trained_weights(self) -> dict[str, Tensor]:
        """The decoder with its speaker encoder, under the names of Coqui's `Xtts`."""
        state = self.decoder.state_dict()
        return {f"hifigan_decoder.{name}": value for name, value in state.items()}


def _scored(wave: Tensor, made: Tensor) -> Tensor:
    return wave[:, EDGE : EDGE + made.shape[-1]]


class SpectralLoss(nn.Module):
    """Multi-resolution STFT loss (Parallel WaveGAN, arXiv 1910.11480), its logarithm over mel bands
    too, as in HiFi-GAN (arXiv 2010.05646)."""

    def __init__(self, rate: int = SPEECH_RATE) -> None:
        super().__init__()
        self.spectrograms = nn.ModuleList(
            torchaudio.transforms.Spectrogram(size, hop_length=size // 4, power=None)
            for size in RESOLUTIONS
        )
        self.mels = nn.ModuleList(
            torchaudio.transforms.MelScale(bins, rate, n_stft=size // 2 + 1, norm="slaney")
            for size, bins in zip(RESOLUTIONS, MEL_BINS, strict=True)
        )

    def forward(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Waves (B, N) to means over the resolutions: `mel`, the absolute difference of log mel
        magnitudes in nats; `convergence`, the relative error of linear magnitudes; and `bins`, the
        absolute difference of log magnitudes bin by bin at the finest resolution, which alone sees
        above 4 kHz whether a voice buzzes or breathes (two draws of one noise differ by .7)."""
        mel, convergence = [], []
        for spectrogram, to_mel in zip(self.spectrograms, self.mels, strict=True):
            ours, theirs = (_magnitude(spectrogram(wave)) for wave in (made, wanted))
            error = (ours - theirs).flatten(1).norm(dim=1)
            convergence.append((error / theirs.flatten(1).norm(dim=1).clamp(min=1e-2)).mean())
            logs = (to_mel(part).clamp(min=SPECTRUM_FLOOR).log() for part in (ours, theirs))
            mel.append(torch.sub(*logs).abs().mean())
        fine = (part.clamp(min=QUIETEST).log() for part in (ours, theirs))
        return {
            "mel": torch.stack(mel).mean(),
            "convergence": torch.stack(convergence).mean(),
            "bins": torch.sub(*fine).abs().mean(),
        }


def _magnitude(spectrum: Tensor) -> Tensor:
    # The root's derivative at zero is infinite; silence is zero.
    return (spectrum.real.pow(2) + spectrum.imag.pow(2) + 1e-9).sqrt()


class Discriminator(nn.Module):
    """A multi-resolution discriminator of log mels with the least-squares loss (LSGAN, arXiv
    1611.04076) and feature matching (MelGAN, arXiv 1910.06711).

    Regressed mels are the mean of all that could be: too smooth, and heard as a muffled voice.
    Long windows show the timbre; short ones, how suddenly a sound begins, of which codes of 46 ms
    tell nothing. Phases are left to the decoder, and so few bands cost next to nothing.
    """

    def __init__(self, rate: int = SPEECH_RATE) -> None:
        super().__init__()
        self.resolutions = nn.ModuleList(MelDiscriminator(rate, **s) for s in (LONG, SHORT))

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        """Waves (B, N) to the features and scores of every resolution."""
        return [resolution(wave.float()) for resolution in self.resolutions]

    def losses(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Means over the resolutions for waves `made` and recordings `wanted`, each (B, N).

        `discriminator` is its own loss, whose gradients reach itself alone; `adversarial` and
        `feature_matching` are the decoder's, whose gradients reach `made` alone.
        """
        real, fake = self(wanted), self(made.detach())
        own = [
            (theirs[-1] - 1).pow(2).mean() + ours[-1].pow(2).mean()
            for theirs, ours in zip(real, fake, strict=True)
        ]
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        matching, adversarial = [], []
        for seen, aim in zip(functional_call(self, fixed, (made,)), real, strict=True):
            apart = [
                (a - b.detach()).abs().mean() for a, b in zip(seen[:-1], aim[:-1], strict=True)
            ]
            matching.append(torch.stack(apart).mean())
            adversarial.append((seen[-1] - 1).pow(2).mean())
        return {
            "discriminator": torch.stack(own).mean(),
            "feature_matching": torch.stack(matching).mean(),
            "adversarial": torch.stack(adversarial).mean(),
        }


class MelDiscriminator(nn.Module):
    """A mel spectrogram and convolutions over it, each of which halves bands and time; patches are
    scored near 1 for recordings and near 0 for a decoder's waves."""

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
        hidden = _with_differences(self.mel(wave).clamp(min=MEL_FLOOR).log() / 3)
        found = []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.score(hidden)]


def _with_differences(mel: Tensor) -> Tensor:
    """Log mels (B, bands, time), about −3 to 0, with their differences in time and over the bands
    as channels (B, 3, bands, time).

    They are what tells a decoder's mel from a recording's; from the levels alone a discriminator
    does not find them within the few thousand updates that it has.
    """
    in_time = F.pad(mel.diff(dim=2), (0, 1))
    over_bands = F.pad(mel.diff(dim=1), (0, 0, 0, 1))
    return torch.stack([mel + 1, DIFFERENCE_GAIN * in_time, DIFFERENCE_GAIN * over_bands], dim=1)
