"""Kokoro without its generator: the same speech at a tenth of the cost, for a model's codes.

Nine tenths of Kokoro's time go into the network that turns its 512 features of each 12.5 ms into
samples. `QuickKokoro` keeps the front (durations, pitch, features) and puts a source behind learned
filters in that network's place. What it loses is finish: log mels within some .3 nats, where audio
codes are ten times as coarse, and words and melody stay. So it makes hours for the GPT to read;
decoders learn from Kokoro itself. `python -m experiments.teacher.quick_training` makes its weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from experiments.teacher.synthesis import SAMPLE_RATE, Kokoro
from experiments.teacher.voice import TIMBRE
from xttslab.model.decoder import ConvNextBlock
from xttslab.model.source_filter import SourceFilter

FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"  # (1, 512, F)
PITCH = "/decoder/decoder/Unsqueeze_output_0"  # (1, 1, F) in Hz, near 0 where unvoiced
HOP = 300  # samples of a frame
LOWEST_HZ = 40.0
FRONT, WEIGHTS = "front.onnx", "generator.safetensors"


class Generator(nn.Module):
    """Kokoro's features, pitch and timbre to waves."""

    def __init__(self, width: int = 256, blocks: int = 6, size: int = 1200) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(512))  # deviations of the features
        self.first = nn.Conv1d(512 + 3, width, 5, padding=2)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(ConvNextBlock(width, TIMBRE) for _ in range(blocks))
        self.last = nn.LayerNorm(width)
        bins = size // 2 + 1
        self.envelopes = nn.Linear(width, 3 * bins)
        self.source = SourceFilter(SAMPLE_RATE, size, HOP)
        nn.init.normal_(self.envelopes.weight, std=0.006)
        nn.init.constant_(self.envelopes.bias, -5.5)
        nn.init.zeros_(self.envelopes.bias[2 * bins :])

    def forward(self, features: Tensor, pitch: Tensor, timbre: Tensor) -> Tensor:
        """Features (B, 512, F), pitch (B, F), timbre (B, 128) to waves (B, 300 · F)."""
        log_pitch = pitch.clamp(min=LOWEST_HZ).log() - 5
        melody = torch.stack([log_pitch, (pitch > LOWEST_HZ).float(), pitch / 300], dim=1)
        given = torch.cat([features / self.scale[:, None], melody], dim=1)
        hidden = self.norm(self.first(given).transpose(1, 2))
        for block in self.blocks:
            hidden = block(hidden, timbre)
        return self.source(pitch, *self.envelopes(self.last(hidden)).chunk(3, dim=-1))


class QuickKokoro(Kokoro):
    """Kokoro's front and a trained `Generator`, from the folder that the training wrote."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        super().__init__(threads, folder / FRONT)
        torch.set_num_threads(threads)
        self._generator = Generator()
        self._generator.load_state_dict(load_file(folder / WEIGHTS))
        self._generator.eval()

    def _sound(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        features, pitch = self._session.run([FEATURES, PITCH], inputs)
        timbre = inputs["style"][:, :TIMBRE]
        with torch.inference_mode():
            wave = self._generator(*map(torch.from_numpy, (features, pitch[:, 0], timbre)))
        return wave[0].numpy()
