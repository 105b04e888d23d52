"""The data module of `stage=decoder`: segments of clips with the GPT's latents of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.batches import Example, collate
from xttslab.data.datamodule import ClipData, by_length
from xttslab.data.examples import FixedExamples
from xttslab.data.parallel import ignore_interrupts, progress
from xttslab.data.segments import DecoderSegments, LatentClip, SegmentOrder, read_recordings
from xttslab.model.decoder import HOP, SPEECH_RATE
from xttslab.model.gpt import XttsGpt

TOGETHER = 16  # clips in one pass; of like length when the caller sorts them


def spoken_clips(
    gpt: XttsGpt,
    data: ClipData,
    rows: Sequence[int],
    prompt_seconds: float,
    pitch: bool,
    cores: int,
) -> list[LatentClip]:
    """Latents and recordings of the clips `rows`, in that order, each heard after another clip of
    its voice, as in use, and their `pitch` if asked, on so many cores; with progress bars."""
    clips = data.corpus.clips
    voices = sorted({clip.speaker for clip in clips})
    heard = list(read_recordings([clips[row].audio for row in rows], SPEECH_RATE, pitch, cores))
    order = by_length(rows, data.code_counts(rows))
    fixed = FixedExamples(data.clips, data.store, order, prompt_seconds, by_reference=True)
    latents: dict[int, np.ndarray] = {}
    groups = [range(i, min(i + TOGETHER, len(order))) for i in range(0, len(order), TOGETHER)]
    with progress("latents", len(order)) as advance:
        for group in groups:
            examples = fixed.__getitems__(group)
            for example, states in zip(examples, decoder_latents(gpt, examples), strict=True):
                latents[example.row] = states
            advance(len(group))
    return [
        LatentClip(latents[row], *sound, voices.index(clips[row].speaker))
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


def segment_loaders(
    trained: Dataset,
    held_out: Dataset,
    segments: int,
    batches: int,
    seed: int,
    workers: int,
    place: tuple[int, int],
    pinned: bool,
) -> tuple[DataLoader, DataLoader]:
    """A training loader of about `batches` batches of `segments`, every clip equally often,
    read ahead by `workers` processes and dealt out to all devices (`place`: a device's number and
    how many there are), and an evaluation loader that always gives the same ones, two of each clip,
    on every device. `pinned` memory is what a GPU fetches from while it works."""
    clips = len(trained)
    repeats = max(1, -(-batches * segments // clips))
    rank, world = place
    order = SegmentOrder(clips, repeats, seed, rank=rank, world=world)
    fixed = SegmentOrder(len(held_out), 2, seed, fixed=True)
    return (
        DataLoader(
            trained,
            segments,
            sampler=order,
            drop_last=len(order) >= segments,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=ignore_interrupts,
            pin_memory=pinned,
        ),
        DataLoader(held_out, segments, sampler=fixed, pin_memory=pinned),
    )


def spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` rows, evenly from all."""
    step = -(-len(rows) // most)
    return list(rows[::step])


Item = TypeVar("Item")


class DecoderData(pl.LightningDataModule):
    """Segments of clips with the latents of the GPT that will speak.

    Args:
        gpt: in evaluation mode once it is used here.
        clips: the encoded clips and their references.
        trained, held_out: rows of `clips`.
        settings: `conf/stage/decoder.yaml`.
        pitch: whether the decoder learns a pitch.
        seed: of the order and the places of the segments.
        workers: processes that read segments ahead.
    """

    def __init__(
        self,
        gpt: XttsGpt,
        clips: ClipData,
        trained: Sequence[int],
        held_out: Sequence[int],
        settings: Mapping[str, Any],
        pitch: bool,
        seed: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.gpt, self.clips, self.settings, self.pitch = gpt, clips, settings, pitch
        self.trained, self.held_out = list(trained), list(held_out)
        self.seed, self.workers = seed, workers
        self._loaders: tuple[DataLoader, DataLoader] | None = None

    def setup(self, stage: str) -> None:
        """Compute what the loaders read, before the first pass, where all devices have met."""
        if self._loaders is not None:
            return
        trainer, settings = self.trainer, self.settings
        rank, world = trainer.global_rank, trainer.world_size
        device = trainer.strategy.root_device
        self.gpt.to(device).eval()
        rows = self.trained + self.held_out
        cores = max(1, (os.cpu_count() or 1) // trainer.num_devices)
        share = spoken_clips(
            self.gpt, self.clips, rows[rank::world], settings["prompt_seconds"], self.pitch, cores
        )
        spoken = joined(share, world)
        reference = round(settings["reference_seconds"] * SAMPLE_RATE)
        parts = (
            DecoderSegments(spoken, places, settings["segment_codes"], reference, HOP)
            for places in (range(len(self.trained)), range(len(self.trained), len(rows)))
        )
        self._loaders = segment_loaders(
            *parts,
            settings["segments"],
            settings["batches"],
            self.seed,
            self.workers,
            (rank, world),
            pinned=device.type == "cuda",
        )

    def train_dataloader(self) -> DataLoader:
        return self._loaders[0]

    def val_dataloader(self) -> DataLoader:
        return self._loaders[1]


def joined(share: Sequence[Item], world: int) -> list[Item]:
    """What was dealt out to `world` processes, back in its order, in each of them."""
    if world == 1:
        return list(share)
    shares: list[Any] = [None] * world
    torch.distributed.all_gather_object(shares, share)
    return [shares[i % world][i // world] for i in range(sum(map(len, shares)))]
