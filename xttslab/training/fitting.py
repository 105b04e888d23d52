"""The training of each stage: data, Lightning module, callbacks and trainer put together."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from omegaconf import DictConfig
from torch.utils.data import DataLoader

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE, read_audio
from xttslab.data.segments import ClipBatch, SegmentBatch, WholeClip, clip_loaders, pack
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.base import Base, decoder_of
from xttslab.training.checkpointing import RunCheckpoints
from xttslab.training.decoder_data import DecoderData, spread
from xttslab.training.gpt_stage import ClipLossTable
from xttslab.training.job import Job
from xttslab.training.optim import train_adapters, train_only
from xttslab.training.preflight import SoundPreflight, preflight
from xttslab.training.start import Start, plain

_PLAIN_STEPS = 300  # without a codebook, of a codec without weights (stage.plain_steps=null)
FITTED_CLIPS = 400  # enough for statistics and codebook of an untrained codec


def fit_gpt(job: Job) -> RunCheckpoints:
    """Train the GPT, with a zero-shot row before the first update; returns what was kept."""
    config, base = job.config, job.base
    _choose_trained(config, base)
    if config.compile:
        base.gpt.compile()
    data = job.clip_data()
    job.tracker.log_metrics(data.code_statistics(), step=0)
    job.tracker.set_tags({"codec": base.codec.fingerprint[:12]})  # losses compare within one codec
    job.tracker.log_params({f"share.{name}": share for name, share in data.shares().items()})
    stage = job.make_stage(
        base.gpt,
        data.corpus.clips,
        data.corpus.eval,
        data.train_eval_rows(),
        data.corpus.other_texts,
    )
    rows = data.corpus.train
    checkpoints = job.checkpoints(_origin(base, job.start), base.codec.fingerprint)
    log = job.log(sum(data.corpus.seconds[row] for row in rows), len(rows))
    table = ClipLossTable(job.tracker, job.run_dir)
    trainer = job.trainer([log, table, *job.samples(base), checkpoints])
    if trainer.is_global_zero:
        preflight(stage, data, trainer, job.plan())
    if job.resume_from is None:
        trainer.validate(stage, data, verbose=False)
    trainer.fit(stage, data, ckpt_path=job.resume_from, weights_only=True)
    return checkpoints


def _origin(base: Base, start: Start) -> str:
    """Where weights are that this run does not train, "" when the base model has them: those of
    the GPT that are frozen, and a decoder that an earlier run trained."""
    if not start.checkpoint:
        return ""
    frozen = any(not parameter.requires_grad for parameter in base.gpt.parameters())
    return start.origin if frozen or decoder_of(start.checkpoint) else ""


def _choose_trained(config: DictConfig, base: Base) -> None:
    """Freeze what is not trained; put the adapters in where they are asked for."""
    adapter = plain(config.adapter)
    if adapter.pop("name") == "none":
        return train_only(base.gpt, list(config.train_only))
    if config.train_only:
        raise UserError("train_only: adapter=lora freezes all else; name parts in also_trained")
    also_trained = adapter.pop("also_trained")
    add_lora(base.gpt, **adapter)
    return train_adapters(base.gpt, also_trained)


def fit_decoder(job: Job) -> RunCheckpoints:
    """Train the decoder on latents of the GPT that will speak; returns what was kept."""
    config = job.config
    settings = plain(config.stage)
    decoder = job.base.make_decoder()
    base = replace(job.base, make_decoder=lambda: decoder)  # samples are spoken by what is trained
    stage = job.make_stage(decoder)
    trained = spread(job.corpus.train, settings["most_clips"])
    seconds = settings["segment_codes"] * SAMPLES_PER_CODE / SAMPLE_RATE
    segments = max(settings["batches"] * settings["segments"], len(trained))
    checkpoints = job.checkpoints(job.start.origin, base.codec.fingerprint)
    needs = SoundPreflight(job.plan(), partial(_one_segment, settings["segments"]), job.base.gpt)
    log = job.log(segments * seconds, segments)
    trainer = job.trainer([needs, log, *job.samples(base), checkpoints])
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
    return checkpoints


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
    stage = job.make_stage(codec, sample, plain_steps=steps)
    # A GPT that was trained before stays where it is, to learn the new codes from there.
    checkpoints = job.checkpoints(job.start.origin)
    wanted = settings["batches"] * settings["batch_codes"]
    passes = max(1, -(-wanted // sum(clip.codes for clip in trained)))
    seconds = passes * sum(len(clip.wave) for clip in trained) / SAMPLE_RATE
    longest = max(trained, key=lambda clip: clip.codes)
    needs = SoundPreflight(job.plan(), partial(_one_clip, longest, settings["batch_codes"]), None)
    trainer = job.trainer([needs, job.log(seconds, passes * len(trained)), checkpoints])
    place = (trainer.global_rank, trainer.world_size)
    loaders = clip_loaders(trained, held_out, settings["batch_codes"], passes, config.seed, *place)
    if job.resume_from is None:
        trainer.validate(stage, loaders[1], verbose=False)
    trainer.fit(stage, *loaders, ckpt_path=job.resume_from, weights_only=True)
    return checkpoints


def _one_segment(segments: int, loader: DataLoader) -> tuple[SegmentBatch, float]:
    """A batch of one segment, and how many there are in a batch."""
    return loader.collate_fn([loader.dataset[(0, 0.5)]]), segments


def _one_clip(longest: WholeClip, batch_codes: int, _: DataLoader) -> tuple[ClipBatch, float]:
    """A batch of the longest clip alone, and how many times as long the largest batch is."""
    return pack([longest]), max(1.0, batch_codes / longest.codes)


def _clips(job: Job, rows: list[int]) -> list[WholeClip]:
    clips, tokens = job.corpus.clips, job.corpus.tokens
    return [WholeClip(read_audio(clips[row].audio), tokens[row]) for row in rows]
