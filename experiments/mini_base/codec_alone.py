"""Recordings in, what their audio codes alone keep of them out: no GPT, no decoder.

The DVAE's own mel of a clip's codes is made audible by Griffin-Lim (phases from chance), which
costs sound quality but hardly a word: the teacher's mels keep their character error rate.
"""

from __future__ import annotations

import numpy as np
import torch
import torchaudio
from torch import Tensor

from xttslab.data.audio import MEL_BINS, MEL_HOP, SAMPLE_RATE
from xttslab.model.codec import Codec

FFT, HIGHEST, ITERATIONS = 1024, 8000, 32  # as the codec's own mel


class MelVoice:
    """Makes a codec's normalised log mels audible."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.bands = torchaudio.transforms.InverseMelScale(
            FFT // 2 + 1, MEL_BINS, SAMPLE_RATE, f_max=HIGHEST, norm="slaney"
        )
        self.phases = torchaudio.transforms.GriffinLim(FFT, ITERATIONS, hop_length=MEL_HOP)

    def of_mels(self, wave: np.ndarray) -> np.ndarray:
        """A recording (n,) at SAMPLE_RATE through its mel alone."""
        return self._sound(self.codec.code_mel(torch.from_numpy(wave)[None]))

    def of_codes(self, wave: np.ndarray) -> np.ndarray:
        """A recording (n,) at SAMPLE_RATE through its codes alone."""
        ((codes, _),) = self.codec.encode([wave])
        return self._sound(self.codec.decode_mel(torch.from_numpy(codes.astype(np.int64))[None]))

    @torch.inference_mode()
    def _sound(self, mel: Tensor) -> np.ndarray:
        power = (mel * self.codec.mel_stats[:, None]).exp()
        return self.phases(self.bands(power).clamp(min=0)).flatten().numpy()
