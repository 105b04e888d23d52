"""A GPT and its encoded clips in, the loaders that a decoder learns from out.

Latents and pitch of all clips are computed once, each device a share of them, on the device and the
cores that it has; then every device gets those of the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.crops import DecoderCrops
from xttslab.data.datamodule import ClipData
from xttslab.model.decoder import HOP
from xttslab.model.gpt import XttsGpt
from xttslab.training.crop_loaders import crop_loaders
from xttslab.training.latents import spoken_clips

Item = TypeVar("Item")


class DecoderData(pl.LightningDataModule):
    """Cuts of clips with the latents of the GPT that will speak.

    Args:
        gpt: in evaluation mode once it is used here.
        clips: the encoded clips and their references.
        trained, held_out: rows of `clips`.
        settings: `conf/stage/decoder.yaml`.
        pitch: whether the decoder learns a pitch.
        seed: of the order and the places of the cuts.
        workers: processes that read cuts ahead.
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
            DecoderCrops(spoken, places, settings["crop_codes"], reference, HOP)
            for places in (range(len(self.trained)), range(len(self.trained), len(rows)))
        )
        self._loaders = crop_loaders(
            *parts,
            settings["crops"],
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
