"""A trained GPT and its encoded clips in, what its decoder learns from out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from xttslab.data.batches import Example, collate
from xttslab.data.crops import SpokenClip
from xttslab.data.datamodule import ClipData, by_length
from xttslab.data.examples import FixedExamples
from xttslab.data.heard import hear_all
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.gpt import XttsGpt

TOGETHER = 16  # clips in one pass; of like length when the caller sorts them


def spoken_clips(
    gpt: XttsGpt,
    data: ClipData,
    rows: Sequence[int],
    prompt_seconds: float,
    pitch: bool,
    cores: int,
) -> list[SpokenClip]:
    """Latents and recordings of the clips `rows`, in that order, each heard after another clip of
    its voice, as in use, and their `pitch` if asked, on so many cores; with progress bars."""
    from rich.progress import track

    clips = data.corpus.clips
    voices = sorted({clip.speaker for clip in clips})
    heard = list(hear_all([clips[row].audio for row in rows], SPEECH_RATE, pitch, cores))
    order = by_length(rows, data.code_counts(rows))
    fixed = FixedExamples(data.clips, data.store, order, prompt_seconds, by_reference=True)
    latents: dict[int, np.ndarray] = {}
    groups = [range(i, min(i + TOGETHER, len(order))) for i in range(0, len(order), TOGETHER)]
    for group in track(groups, description="latents", transient=True):
        examples = fixed.__getitems__(group)
        for example, states in zip(examples, decoder_latents(gpt, examples), strict=True):
            latents[example.row] = states
    return [
        SpokenClip(latents[row], *sound, voices.index(clips[row].speaker))
        for row, sound in zip(rows, heard, strict=True)
    ]


@torch.no_grad()
def decoder_latents(gpt: XttsGpt, examples: Sequence[Example]) -> Iterator[np.ndarray]:
    """Hidden states (T + 1, D) float16 of each clip's codes, teacher-forced, in order.

    Row t is the state that predicts code t, the last one that which predicts the stop: what
    `sampling.generate` gives for speech of the model's own.
    """
    if gpt.training:
        raise ValueError("decoder_latents needs the model in eval mode")
    device = gpt.final_norm.weight.device
    for first in range(0, len(examples), TOGETHER):
        some = examples[first : first + TOGETHER]
        batch = collate(some, gpt.tokens, "none").to(device)
        states = gpt.hidden(batch).index_select(0, batch.audio_at)  # (N_m, D)
        for row, example in enumerate(some):
            own = states[batch.audio_rows == row][: len(example.codes) + 1]
            yield own.float().cpu().numpy().astype(np.float16)
