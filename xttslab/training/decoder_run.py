"""A job in, a decoder trained on its GPT's latents out: `stage=decoder`."""

from __future__ import annotations

from dataclasses import replace

import pytorch_lightning as pl

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE
from xttslab.data.crops import DecoderCrops
from xttslab.model.decoder import HOP
from xttslab.training.announcing import plain
from xttslab.training.crop_loaders import crop_loaders, spread
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.job import Job
from xttslab.training.keeping import RunCheckpoints
from xttslab.training.latents import spoken_clips


def fit_decoder(job: Job) -> RunCheckpoints:
    """Train the decoder on latents of the GPT that will speak; returns what was kept."""
    config = job.config
    settings = plain(config.stage)
    decoder = job.base.make_decoder()
    base = replace(job.base, make_decoder=lambda: decoder)  # samples are spoken by what is trained
    stage = DecoderStage(
        decoder,
        job.optimizer(),
        job.scheduler(),
        job.config.seed,
        settings["mel_weight"],
        settings["convergence_weight"],
        settings["bins_weight"],
        settings["pitch_weight"],
        settings["judge_weight"],
        settings["speaker_weight"],
    )
    trained = spread(job.corpus.train, settings["most_clips"])
    seconds = settings["crop_codes"] * SAMPLES_PER_CODE / SAMPLE_RATE
    crops = max(settings["batches"] * settings["crops"], len(trained))
    keeper = job.keeper(job.start.origin, base.codec.fingerprint)
    trainer = job.trainer([job.log(crops * seconds, crops), *job.samples(base), keeper])
    loaders = _loaders(job, trainer, trained, decoder.follows_pitch)
    if job.resume_from is None:
        trainer.validate(stage, loaders[1], verbose=False)
    trainer.fit(stage, *loaders, ckpt_path=job.resume_from, weights_only=True)
    return keeper


def _loaders(job: Job, trainer: pl.Trainer, trained: list[int], pitch: bool) -> tuple:
    """Loaders over cuts of all clips, whose latents are computed here, on the trainer's device."""
    settings, device = plain(job.config.stage), trainer.strategy.root_device
    job.base.gpt.to(device).eval()
    rows = trained + job.corpus.eval
    spoken = spoken_clips(job.base.gpt, job.clip_data(), rows, settings["prompt_seconds"], pitch)
    reference = round(settings["reference_seconds"] * SAMPLE_RATE)
    parts = (
        DecoderCrops(spoken, places, settings["crop_codes"], reference, HOP)
        for places in (range(len(trained)), range(len(trained), len(rows)))
    )
    return crop_loaders(
        *parts,
        settings["crops"],
        settings["batches"],
        job.config.seed,
        job.config.batch.workers,
        (trainer.global_rank, trainer.world_size),
        pinned=device.type == "cuda",
    )
