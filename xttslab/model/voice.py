"""Speaks with all parts of an XTTS together, and finds where each sentence ends.

Sampling may pass over a likely stop token; what follows is babble, breath or silence. Two signs
tell where a sentence was over: the GPT's own stop probability, and a pause in the sound during
which stopping was at least thinkable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError
from xttslab.model.codec import Codec
from xttslab.model.decoder import Decoder
from xttslab.model.generation import generate
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import Generated, Sampling, Sentence
from xttslab.model.setting_ranges import SEED, NumberRange, require_number

CERTAIN = 0.5  # a stop this likely ends the sentence, whatever was drawn
THINKABLE = 0.05  # a stop this likely ends it in a pause, or where the limit cut it off
QUIET_DB = -40.0  # below the loudest moment
PAUSE_CODES = 6  # 0.28 s: commas make shorter pauses
KEPT_CODES = 3  # 0.14 s of silence stay behind the last sound
MIN_REFERENCE_SECONDS = 0.33  # Coqui skips shorter chunks
MOST_OF_A_RECORDING = 30.0  # seconds, as Coqui's `max_ref_length`
PROMPT_SECONDS, CHUNK_SECONDS = 30.0, 6.0  # Coqui's `gpt_cond_len` and `gpt_cond_chunk_len`
SPARE = 2.0  # how many times the likely number of codes a sentence may take
Precision = Literal["float32", "bf16"]
_SLOWER = 2.0  # instructions for bfloat16 make it about as fast as float32, or faster


@dataclass(frozen=True)
class Speaking:
    """How to speak; `conf/speaking/` holds what the product uses.

    Attributes:
        speed: stretches time; 1 is as generated.
        pace: stretches it to so many syllables a second, or to as many as the reference has
            (`speaking.speaker.syllable_rate`).
        seed: starts the random numbers of a call's first sentence; the next has seed + 1.
        trim_babble: cuts what follows the end of the sentence (`finished_at`).
        reference_seconds: of all reference recordings together that the GPT hears (`reference`).
        chunk_seconds: of it at once; the voice is the mean over chunks.

    Raises UserError for a number that cannot be.
    """

    sampling: Sampling
    speed: float = 1.0
    pace: float | Literal["reference"] | None = None
    seed: int = 0
    trim_babble: bool = True
    reference_seconds: float = PROMPT_SECONDS
    chunk_seconds: float = CHUNK_SECONDS

    def __post_init__(self) -> None:
        require_number("speed", self.speed, NumberRange(0.05, 20.0))
        require_number("seed", self.seed, SEED)
        for name in ("reference_seconds", "chunk_seconds"):
            require_number(name, getattr(self, name), NumberRange(MIN_REFERENCE_SECONDS, 600))


class Voice:
    """A GPT, its codec and its decoder, ready to speak; all are used as they are, in eval mode."""

    def __init__(
        self, gpt: XttsGpt, codec: Codec, decoder: Decoder, likely: Callable[[int], float]
    ) -> None:
        self.gpt, self.codec, self.decoder, self.likely = gpt, codec, decoder, likely

    @torch.no_grad()
    def reference(
        self,
        waves: Sequence[np.ndarray],
        seconds: float = PROMPT_SECONDS,
        chunk_seconds: float = CHUNK_SECONDS,
    ) -> tuple[Tensor, Tensor]:
        """Prompt latents (32, D) and speaker embedding (S, 1) of recordings at 22,050 Hz.

        As Coqui's `get_conditioning_latents`: at most 30 s of each recording; the latents are the
        mean over chunks of the first `seconds` of all together, the embedding is the mean over
        recordings. Raises UserError when there is too little sound.
        """
        device = self.codec.device
        most = int(MOST_OF_A_RECORDING * SAMPLE_RATE)
        cut = [torch.from_numpy(wave[:most]).float().to(device) for wave in waves]
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
        latents = stretched(latents[None].float(), settings.speed)  # (1, T, D)
        wave = self.decoder(latents, g=speaker[None]).flatten().float().cpu().numpy()
        if settings.trim_babble:
            wave = wave[: sounding_until(wave, chances.float().cpu().numpy())[0]]
        return wave


def stretched(latents: Tensor, speed: float) -> Tensor:
    """Latents (1, T, D) for speech that is `speed` times as fast."""
    if speed == 1.0:
        return latents
    count = latents.shape[1]
    # Not F.interpolate: where as many values come out as go in, it copies them unstretched.
    place = (torch.arange(int(count / speed), dtype=torch.float64) + 0.5) * speed - 0.5
    place = place.clamp(0, count - 1).to(latents.device, torch.float32)  # (T / speed,)
    below = place.floor().long()
    above = (below + 1).clamp(max=count - 1)
    return torch.lerp(latents[:, below], latents[:, above], (place - below)[None, :, None])


def likely_codes(tokens: int, per_token: float) -> float:
    """Codes that a text of so many tokens makes likely; half a second lies around it. `per_token`
    is that of the vocabulary, `codes_per_token` in conf/model."""
    return 10 + per_token * tokens


def finished_at(spoken: Generated) -> int:
    """The number of codes up to where the GPT first held the sentence for finished.

    Where the limit cut the sentence off, it ends at the likeliest stop, if any was thinkable.
    """
    sure = (spoken.stop_chance >= CERTAIN).nonzero()
    if len(sure):
        return int(sure[0])
    if not spoken.ended and float(spoken.stop_chance.max()) > THINKABLE:
        return int(spoken.stop_chance.argmax())
    return len(spoken.codes)


def sounding_until(wave: np.ndarray, stop_chance: np.ndarray) -> tuple[int, bool]:
    """The number of samples of a decoded sentence (n,) that are worth keeping, and whether what
    follows has sound in it: then the sentence was over before.

    `stop_chance` (T,) belongs to the codes that the wave was made of, evenly. Cuts at the first
    long pause in which a stop was thinkable, and the silence behind the last sound.
    """
    codes = len(stop_chance)
    edges = np.linspace(0, len(wave), codes + 1).astype(int)
    energy = np.array([np.square(wave[a:b]).mean() for a, b in pairwise(edges)])
    loud = energy > energy.max() * 10 ** (QUIET_DB / 10)
    if not loud.any():
        return len(wave), False
    places = np.flatnonzero(loud)
    ends = [*(places[:-1] + 1)[np.diff(places) > PAUSE_CODES], places[-1] + 1]
    starts = [*places[1:][np.diff(places) > PAUSE_CODES], codes]
    over = (
        end
        for end, start in zip(ends, starts, strict=True)
        if start == codes or stop_chance[end:start].max() >= THINKABLE
    )
    end = next(over)
    return int(edges[min(end + KEPT_CODES, codes)]), bool(end < places[-1] + 1)


def move_voice(voice: Voice, device: str = "auto", precision: Precision = "float32") -> Voice:
    """Move all models of a voice to `device`; "auto" is a GPU where there is one.

    With "bf16" the GPT computes in 16 bits for good, in half the memory. Raises UserError for a
    device that is not there, and for a processor that is slower in 16 bits.
    """
    if precision not in ("float32", "bf16"):
        raise UserError(f"precision={precision}: a voice speaks in float32 or bf16")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "bf16" and device.startswith("cpu") and (fault := slow_bfloat16()):
        raise UserError(f"precision=bf16: {fault}; use precision=float32")
    try:
        for part in (voice.gpt, voice.codec, voice.decoder):
            part.to(device)
    except (RuntimeError, AssertionError) as fault:
        reason = str(fault).splitlines()[0]
        raise UserError(f"device={device}: not usable here ({reason}); try device=cpu") from fault
    if precision == "bf16":
        _halve(voice.gpt)
    return voice


def slow_bfloat16() -> str:
    """Why bfloat16 is not worth using on this processor; "" where it is as fast as float32.

    Without AVX-512 BF16 or AMX it is emulated, up to 140 times more slowly than float32.
    """
    slowdown = bfloat16_slowdown()
    if slowdown < _SLOWER:
        return ""
    return f"this processor multiplies matrices {slowdown:.0f} times more slowly in bfloat16"


@cache
def bfloat16_slowdown() -> float:
    """How many times as long as in float32 a small matrix product takes in bfloat16 on the
    processor; tried once a process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other longer than they work, on a busy machine
    try:
        trials = [(_product_s(torch.bfloat16), _product_s(torch.float32)) for _ in range(10)]
    finally:
        torch.set_num_threads(threads)
    # The first of each is slow on every processor, and others may be disturbed.
    half, whole = map(min, zip(*trials, strict=True))
    return half / whole


def _product_s(kind: torch.dtype) -> float:
    left, right = torch.ones(64, 256, dtype=kind), torch.ones(256, 256, dtype=kind)
    started = time.perf_counter()
    torch.mm(left, right)
    return time.perf_counter() - started


def _halve(gpt: XttsGpt) -> None:
    """16-bit weights for all that a step of speaking reads, GPT-2's matrices in the layout that
    16-bit products are fast in. What hears the reference runs once and stays exact."""
    for block in gpt.gpt.h:
        for owner, name in (
            (block.attn, "c_attn"),
            (block.attn, "c_proj"),
            (block.mlp, "c_fc"),
            (block.mlp, "c_proj"),
        ):
            setattr(owner, name, _linear(getattr(owner, name)))
    for name, part in gpt.named_children():
        if not name.startswith("conditioning"):
            part.to(torch.bfloat16)


def _linear(matrix: Conv1D | nn.Linear) -> nn.Linear:
    """The same product with the weight stored (out, in) instead of (in, out), if it is not yet."""
    if isinstance(matrix, nn.Linear):
        return matrix
    inputs, outputs = matrix.weight.shape
    linear = nn.Linear(inputs, outputs, device="meta")
    linear.weight = nn.Parameter(matrix.weight.detach().T.contiguous(), requires_grad=False)
    linear.bias = nn.Parameter(matrix.bias.detach(), requires_grad=False)
    return linear
