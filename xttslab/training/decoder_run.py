"""A job in, a decoder trained on its GPT's latents out: `stage=decoder`."""

from __future__ import annotations

from dataclasses import replace

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE
from xttslab.training.announcing import plain
from xttslab.training.crop_loaders import spread
from xttslab.training.decoder_data import DecoderData
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.job import Job
from xttslab.training.keeping import RunCheckpoints


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
        config.seed,
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
    data = DecoderData(
        job.base.gpt,
        job.clip_data(),
        trained,
        job.corpus.eval,
        settings,
        decoder.follows_pitch,
        config.seed,
        config.batch.workers,
    )
    if job.resume_from is None:
        trainer.validate(stage, data, verbose=False)
    trainer.fit(stage, data, ckpt_path=job.resume_from, weights_only=True)
    return keeper
