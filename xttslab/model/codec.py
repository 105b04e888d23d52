"""XTTS's codec: waves (B, N) at 22,050 Hz to audio codes (B, T) and prompt mels (B, 80, F)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn
from TTS.tts.layers.xtts.dvae import DiscreteVAE

from xttslab.data.audio import MEL_BINS, MEL_HOP, SAMPLE_RATE, SAMPLES_PER_CODE, code_count

# Silence behind every clip, more than the DVAE looks ahead: a clip's codes are the same alone and
# in any batch, and its last codes hear silence, as in Coqui's padded batches.
TAIL = 16 * SAMPLES_PER_CODE


class MelSpectrogram(torchaudio.transforms.MelSpectrogram):
    """torchaudio's, in float32 under autocast too: powers of a loud frame do not fit in float16,
    and some processors multiply bfloat16 matrices a hundred times more slowly."""

    def forward(self, wave: Tensor) -> Tensor:
        """Waves (…, N) to mels (…, bands, 1 + N // hop)."""
        with torch.autocast(wave.device.type, enabled=False):
            return super().forward(wave.float())


class Codec(nn.Module):
    """XTTS's DVAE with its two mel front ends and their normalisation.

    Always in eval mode, whoever calls `train()`: Lightning sets children to train mode, and the
    codebook would then learn from every clip that it encodes.

    Args:
        mel_stats: (80,) mean magnitudes of the log mel bands, by which both mels are divided.
        hidden, codebook_dim, codes, blocks: the DVAE's size; the defaults are XTTS-v2's.
    """

    def __init__(
        self,
        mel_stats: Tensor,
        hidden: int = 512,
        codebook_dim: int = 512,
        codes: int = 1024,
        blocks: int = 3,
    ) -> None:
        super().__init__()
        self.dvae = DiscreteVAE(
            channels=MEL_BINS,
            positional_dims=1,
            num_tokens=codes,
            codebook_dim=codebook_dim,
            hidden_dim=hidden,
            num_resnet_blocks=blocks,
            kernel_size=3,
            num_layers=2,
            use_transposed_convs=False,
        )
        self.register_buffer("mel_stats", mel_stats.clone())
        self._code_mel = _mel(n_fft=1024)
        self._prompt_mel = _mel(n_fft=2048)
        super().train(False)
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> Codec:
        """Stay in eval mode."""
        return self

    @property
    def device(self) -> torch.device:
        """Where the codec computes."""
        return self.mel_stats.device

    def code_mel(self, wave: Tensor) -> Tensor:
        """Waves (B, N) at 22,050 Hz to the DVAE's normalised log mel (B, 80, 1 + N // 256)."""
        return self._normalised(self._code_mel(wave))

    def prompt_mel(self, wave: Tensor) -> Tensor:
        """Waves (B, N) to the conditioning encoder's normalised log mel (B, 80, 1 + N // 256)."""
        return self._normalised(self._prompt_mel(wave))

    @torch.inference_mode()
    def encode(self, waves: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Codes (uint16, one per 1,024 samples) and conditioning mel (80, frames) of each wave."""
        longest = max(len(wave) for wave in waves)
        padded = torch.zeros(len(waves), longest + TAIL, device=self.device)
        for i, wave in enumerate(waves):
            padded[i, : len(wave)] = torch.from_numpy(wave)
        indices = self.quantise(self.encode_mel(self.code_mel(padded))).cpu().numpy()
        results = []
        for i, wave in enumerate(waves):
            mel = self.prompt_mel(padded[i : i + 1, : len(wave)])[0]
            codes = indices[i, : code_count(len(wave))].astype(np.uint16)
            results.append((codes, mel.cpu().numpy().astype(np.float16)))
        return results

    def encode_mel(self, mel: Tensor) -> Tensor:
        """The DVAE's encoder: mel (B, 80, F) to vectors (B, ceil(F / 4), codebook_dim)."""
        return self.dvae.encoder(mel).transpose(1, 2)

    def quantise(self, vectors: Tensor) -> Tensor:
        """Vectors (B, T, C) to the numbers of their nearest codebook entries (B, T)."""
        book = self.dvae.codebook.embed  # (C, codes)
        # argmin |v − e|² = argmax v·e − |e|²/2; the one-hot of Coqui's Quantize is not needed.
        return (vectors @ book - book.pow(2).sum(0) / 2).argmax(-1)

    @torch.inference_mode()
    def decode_mel(self, codes: Tensor) -> Tensor:
        """Codes (B, T) to the DVAE's reconstruction of the normalised log mel (B, 80, 4 · T)."""
        return self.dvae.decode(codes)[0]

    @torch.inference_mode()
    def fit(self, waves: Sequence[np.ndarray], seed: int = 0) -> None:
        """Fit mel statistics and codebook of an untrained codec to recordings.

        The statistics are the mean magnitudes of the log mel bands; the codebook is k-means
        centres of the encoder's outputs (a random codebook would use almost no code).
        """
        from sklearn.cluster import MiniBatchKMeans

        mels = [self._code_mel(torch.from_numpy(wave).to(self.device)) for wave in waves]
        logs = torch.cat([mel.clamp(min=1e-5).log() for mel in mels], dim=1)  # (80, F)
        self.mel_stats.copy_(logs.abs().mean(dim=1))
        points = np.concatenate([self._vectors(wave) for wave in waves])
        codes = self.dvae.codebook.n_embed
        points = np.tile(points, (-(-codes // len(points)), 1))  # never fewer points than codes
        fitted = MiniBatchKMeans(codes, random_state=seed, n_init=1, batch_size=4096).fit(points)
        centres = torch.from_numpy(fitted.cluster_centers_.astype(np.float32))
        self.dvae.codebook.embed.copy_(centres.T)
        self.dvae.codebook.embed_avg.copy_(centres.T)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides a clip's codes and mel; keys the code store."""
        digest = hashlib.sha256(f"xttslab codec 1, tail {TAIL}".encode())
        for name, value in sorted(self.state_dict().items()):
            if name.startswith(("dvae.encoder.", "dvae.codebook.embed", "mel_stats")):
                digest.update(name.encode())
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def trained_weights(self) -> dict[str, Tensor]:
        """DVAE and mel statistics under the names that `model.base.load_codec` reads."""
        state = self.dvae.state_dict()
        kept = {f"dvae.{n}": value for n, value in state.items() if not n.startswith("discrete_")}
        return {**kept, "mel_stats": self.mel_stats}

    def _vectors(self, wave: np.ndarray) -> np.ndarray:
        padded = torch.zeros(1, len(wave) + TAIL, device=self.device)
        padded[0, : len(wave)] = torch.from_numpy(wave)
        vectors = self.encode_mel(self.code_mel(padded))[0, : code_count(len(wave))]
        return vectors.cpu().numpy()

    def _normalised(self, mel: Tensor) -> Tensor:
        return mel.clamp(min=1e-5).log() / self.mel_stats[:, None]


def _mel(n_fft: int) -> nn.Module:
    """Coqui's TorchMelSpectrogram: power mel, slaney filters, 0 to 8 kHz, window of 1,024."""
    return MelSpectrogram(
        sample_rate=SAMPLE_RATE,
        n_fft=n_fft,
        win_length=1024,
        hop_length=MEL_HOP,
        f_min=0,
        f_max=8000,
        n_mels=MEL_BINS,
        power=2,
        norm="slaney",
    )
