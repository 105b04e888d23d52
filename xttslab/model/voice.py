"""Text tokens and reference recordings in, speech at 24 kHz out.

A voice is what Coqui's `Xtts` is at inference (tts/models/xtts.py): the GPT speaks codes after the
latents of a reference, and the decoder turns the GPT's hidden states into a waveform that bears
the reference's speaker embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError
from xttslab.model.codec import Codec
from xttslab.model.decoder import Decoder
from xttslab.model.ending import finished_at, sounding_until
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import Generated, Sampling, Sentence, generate

MIN_REFERENCE_SECONDS = 0.33  # Coqui skips shorter chunks
SPARE = 2.0  # how many times the likely number of codes a sentence may take


@dataclass(frozen=True)
class Speaking:
    """How to speak; `conf/speaking/` holds what the product uses. `speed` stretches time (1 is as
    generated); `pace` does so until there are so many syllables a second, or as many as in the
    reference (`speaking.pace`); `seed` starts the random numbers of a call's first sentence, the
    next has seed + 1; `trim_babble` cuts what follows the end of the sentence (`model.ending`)."""

    sampling: Sampling
    speed: float = 1.0
    pace: float | Literal["reference"] | None = None
    seed: int = 0
    trim_babble: bool = True


def likely_codes(tokens: int, per_token: float) -> float:
    """Codes that a text of so many tokens makes likely; half a second lies around it. `per_token`
    is that of the vocabulary, `codes_per_token` in conf/model."""
    return 10 + per_token * tokens


class Voice:
    """A GPT, its codec and its decoder, ready to speak; all are used as they are, in eval mode."""

    def __init__(
        self,
        gpt: XttsGpt,
        codec: Codec,
        decoder: Decoder,
        likely: Callable[[int], float],
    ) -> None:
        self.gpt, self.codec, self.decoder, self.likely = gpt, codec, decoder, likely

    @torch.no_grad()
    def reference(
        self,
        waves: Sequence[np.ndarray],
        seconds: float = 30.0,
        chunk_seconds: float = 6.0,
    ) -> tuple[Tensor, Tensor]:
        """Prompt latents (32, D) and speaker embedding (S, 1) of recordings at 22,050 Hz.

        As Coqui's `get_conditioning_latents`: at most 30 s of each recording; the latents are the
        mean over chunks of the first `seconds` of all together, the embedding is the mean over
        recordings. Raises UserError when there is too little sound.
        """
        device = self.codec.device
        cut = [torch.from_numpy(wave[: 30 * SAMPLE_RATE]).float().to(device) for wave in waves]
        whole = torch.cat(cut)[: int(seconds * SAMPLE_RATE)]
        chunks = whole.split(int(chunk_seconds * SAMPLE_RATE))
        enough = [part for part in chunks if len(part) >= MIN_REFERENCE_SECONDS * SAMPLE_RATE]
        if not enough:
            length = f"{len(whole) / SAMPLE_RATE:.2f} s"
            raise UserError(
                f"the reference has {length}, XTTS needs {MIN_REFERENCE_SECONDS} s; 6 s are good"
            )
        latents = [self.gpt.prompt_latents(self.codec.prompt_mel(part[None])) for part in enough]
        embeddings = [self.decoder.embed_speaker(wave[None]) for wave in cut]
        return torch.cat(latents).mean(dim=0), torch.cat(embeddings).mean(dim=0)

    def speak(
        self,
        texts: Sequence[Sequence[int]],
        prompt_latents: Sequence[Tensor],
        speaker_embeddings: Sequence[Tensor],
        settings: Speaking,
    ) -> list[np.ndarray]:
        """Waveforms (n,) float32 at 24 kHz of token sequences, all generated in one batch.

        `prompt_latents` (32, D) and `speaker_embeddings` (S, 1) hold one entry a text, as
        `reference` gives them. `settings.pace` is not looked at: a voice keeps no recordings.
        """
        spoken = self.generate(texts, prompt_latents, settings)
        return [
            self.decode(one, speaker, settings)
            for one, speaker in zip(spoken, speaker_embeddings, strict=True)
        ]

    def generate(
        self,
        texts: Sequence[Sequence[int]],
        prompt_latents: Sequence[Tensor],
        settings: Speaking,
    ) -> list[Generated]:
        """The codes of token sequences; each has at most SPARE times its likely number."""
        sentences = [
            Sentence(text, latents, self.limit(len(text)), settings.seed + i)
            for i, (text, latents) in enumerate(zip(texts, prompt_latents, strict=True))
        ]
        return generate(self.gpt, sentences, settings.sampling)

    def limit(self, tokens: int) -> int:
        """How many codes a text of so many tokens may take."""
        return max(1, min(int(SPARE * self.likely(tokens)), self.gpt.max_gen_mel_tokens))

    @torch.no_grad()
    def decode(self, spoken: Generated, speaker: Tensor, settings: Speaking) -> np.ndarray:
        """The waveform of one generated sentence."""
        latents, chances = spoken.latents, spoken.stop_chance
        if settings.trim_babble:
            kept = finished_at(spoken) + 1
            latents, chances = latents[:kept], chances[:kept]
        latents = latents[None].float()  # (1, T, D)
        if settings.speed != 1.0:
            latents = F.interpolate(
                latents.transpose(1, 2), scale_factor=1.0 / settings.speed, mode="linear"
            ).transpose(1, 2)
        wave = self.decoder(latents, g=speaker[None]).flatten().float().cpu().numpy()
        if settings.trim_babble:
            wave = wave[: sounding_until(wave, chances.float().cpu().numpy())]
        return wave
