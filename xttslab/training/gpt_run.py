"""A job in, a fine-tuned GPT out: `stage=gpt`."""

from __future__ import annotations

from omegaconf import DictConfig

from xttslab.data.datamodule import ClipData
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.base import Base
from xttslab.model.lineage import decoder_of
from xttslab.training.announcing import plain
from xttslab.training.clip_table import ClipLossTable
from xttslab.training.job import Job
from xttslab.training.keeping import RunCheckpoints
from xttslab.training.module import GptStage
from xttslab.training.parameters import train_adapters, train_only
from xttslab.training.preflight import planned, preflight
from xttslab.training.starting import Start


def fit_gpt(job: Job) -> RunCheckpoints:
    """Train the GPT, with a zero-shot row before the first update; returns what was kept."""
    config, base = job.config, job.base
    _choose_trained(config, base)
    if config.compile:
        base.gpt.compile()
    data = job.clip_data(sound=config.loss.sound_weight > 0)
    job.tracker.log_metrics(data.code_statistics(), step=0)
    job.tracker.set_tags({"codec": base.codec.fingerprint[:12]})  # losses compare within one codec
    job.tracker.log_params({f"share.{name}": share for name, share in data.shares().items()})
    stage = _stage(job, data)
    rows = data.corpus.train
    keeper = job.keeper(_origin(base, job.start), base.codec.fingerprint)
    log = job.log(sum(data.corpus.seconds[row] for row in rows), len(rows))
    table = ClipLossTable(job.tracker, job.run_dir)
    trainer = job.trainer([log, table, *job.samples(base), keeper])
    if trainer.is_global_zero:
        preflight(stage, data, trainer, job.run_dir, **planned(config))
    if job.resume_from is None:
        trainer.validate(stage, data, verbose=False)
    trainer.fit(stage, data, ckpt_path=job.resume_from, weights_only=True)
    return keeper


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


def _stage(job: Job, data: ClipData) -> GptStage:
    return GptStage(
        job.base.gpt,
        data.corpus.clips,
        data.corpus.eval,
        data.train_eval_rows(),
        data.corpus.other_texts,
        job.optimizer(),
        job.scheduler(),
        job.config.loss.text_weight,
        job.config.loss.mel_weight,
        job.config.loss.sound_weight,
        job.config.seed,
    )
