"""A job in, a trained DVAE out: `stage=dvae`."""

from __future__ import annotations

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.whole_clips import WholeClip, clip_loaders
from xttslab.training.announcing import plain
from xttslab.training.crop_loaders import spread
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
    trained = _clips(job, spread(job.corpus.train, settings["most_clips"]))
    held_out = _clips(job, job.corpus.eval)
    sample = [clip.wave for clip in trained[:: max(1, len(trained) // FITTED_CLIPS)]]
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
        job.config.seed,
        plain_steps=steps,
        commitment=settings["commitment"],
        revive_every=settings["revive_every"],
        text_weight=settings["text_weight"],
        tokens=job.base.gpt.text_embedding.num_embeddings,
    )
    # A GPT that was trained before stays where it is, to learn the new codes from there.
    keeper = job.keeper(job.start.origin)
    wanted = settings["batches"] * settings["batch_codes"]
    passes = max(1, -(-wanted // sum(clip.codes for clip in trained)))
    seconds = passes * sum(len(clip.wave) for clip in trained) / SAMPLE_RATE
    trainer = job.trainer([job.log(seconds, passes * len(trained)), keeper])
    place = (trainer.global_rank, trainer.world_size)
    loaders = clip_loaders(trained, held_out, settings["batch_codes"], passes, config.seed, *place)
    if job.resume_from is None:
        trainer.validate(stage, loaders[1], verbose=False)
    trainer.fit(stage, *loaders, ckpt_path=job.resume_from, weights_only=True)
    return keeper


def _clips(job: Job, rows: list[int]) -> list[WholeClip]:
    clips, tokens = job.corpus.clips, job.corpus.tokens
    return [WholeClip(read_audio(clips[row].audio), tokens[row]) for row in rows]
