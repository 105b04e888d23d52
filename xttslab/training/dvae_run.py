"""A job in, a trained DVAE out: `stage=dvae`."""

from __future__ import annotations

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE, read_audio
from xttslab.data.crops import WaveCrops
from xttslab.training.announcing import plain
from xttslab.training.crop_loaders import crop_loaders, spread
from xttslab.training.dvae_stage import DvaeStage
from xttslab.training.job import Job
from xttslab.training.keeping import RunCheckpoints

_PLAIN_STEPS = 300  # for a codec without weights
FITTED_CLIPS = 400  # enough for statistics and codebook of an untrained codec


def fit_dvae(job: Job) -> RunCheckpoints:
    """Train encoder, codebook and decoder on mels; returns what was kept.

    The base's own file stays as it is: the run's checkpoint holds the new codec.
    """
    config, codec = job.config, job.base.codec
    settings = plain(config.stage)
    trained = _waves(job, spread(job.corpus.train, settings["most_clips"]))
    held_out = _waves(job, job.corpus.eval)
    sample = trained[:: max(1, len(trained) // FITTED_CLIPS)]
    steps = settings["plain_steps"]
    if steps is None:
        steps = 0 if job.base.codec_fitted else _PLAIN_STEPS
    if not job.base.codec_fitted and job.resume_from is None:
        codec.fit(sample)
    stage = DvaeStage(
        codec,
        sample,
        job.optimizer(),
        job.scheduler(),
        plain_steps=steps,
        commitment=settings["commitment"],
        revive_every=settings["revive_every"],
    )
    cut = settings["crop_codes"] * SAMPLES_PER_CODE
    parts = (WaveCrops(trained, cut), WaveCrops(held_out, cut))
    loaders = crop_loaders(*parts, settings["crops"], settings["batches"], config.seed)
    crops = len(loaders[0].sampler)
    # A GPT that was trained before stays where it is, to learn the new codes from there.
    keeper = job.keeper(job.start.origin)
    trainer = job.trainer([job.log(crops * cut / SAMPLE_RATE, crops), keeper])
    if job.resume_from is None:
        trainer.validate(stage, loaders[1], verbose=False)
    trainer.fit(stage, *loaders, ckpt_path=job.resume_from, weights_only=True)
    return keeper


def _waves(job: Job, rows: list[int]) -> list[np.ndarray]:
    return [read_audio(job.corpus.clips[row].audio) for row in rows]
