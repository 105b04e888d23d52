"""Waves in, how real their mels look out: the adversary of `stage=decoder`.

A regression's mels are the mean of all that could be: too smooth, and heard as a voice behind a
curtain. The judge learns to tell them from recordings and so draws texture back. It sees two
pictures of a wave: long windows show the timbre; short ones, how suddenly a sound begins, of which
codes of 46 ms tell nothing. It sees log mels alone: phases are the decoder's own affair, and so few
bands cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.crops import DecoderCut
from xttslab.model.codec import MelSpectrogram
from xttslab.model.decoder import SPEECH_RATE
from xttslab.training.stage import SoundStage

LONG = {"n_fft": 1024, "hop_length": 256, "n_mels": 80}
SHORT = {"n_fft": 256, "hop_length": 64, "n_mels": 32}
WIDTHS = (16, 32, 64)
MEL_FLOOR = 1e-4  # of mel magnitudes: quieter is silence
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
        hidden = steps(self.mel(wave).clamp(min=MEL_FLOOR).log() / 3)
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


RESOLUTIONS = (512, 1024, 2048)  # FFT sizes; windows as long, hops a quarter
MEL_BINS = (40, 80, 120)  # at each
SPECTRUM_FLOOR = 1e-5
QUIETEST = 1e-2  # magnitude of a bin, some 75 dB below a loud vowel's, under which all is silence


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
