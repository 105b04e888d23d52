"""Two waveforms in, how differently they sound out: losses over spectra of several resolutions."""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor, nn

from xttslab.model.decoder import SPEECH_RATE

RESOLUTIONS = (512, 1024, 2048)  # FFT sizes; windows as long, hops a quarter
MEL_BINS = (40, 80, 120)  # at each
FLOOR = 1e-5
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
            logs = (to_mel(part).clamp(min=FLOOR).log() for part in (ours, theirs))
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
