"""What a run trains with, as configured: data, optimiser, schedule, callbacks and trainer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xttslab.data.codes import fill_store
from xttslab.data.corpus import Corpus
from xttslab.data.datamodule import BatchSettings, ClipData
from xttslab.errors import UserError
from xttslab.model.base import BEST, Base
from xttslab.model.voice import slow_bfloat16
from xttslab.tracking.records import Tracker
from xttslab.training.callbacks import EpochLog, InterruptHandler, LossGuard, ResumeHistory
from xttslab.training.checkpointing import AtomicCheckpointIO, RunCheckpoints
from xttslab.training.memory import RECOGNISER_GB, SpillWarning
from xttslab.training.metrics import SELECTION, Selection
from xttslab.training.optim import ConfiguredRate
from xttslab.training.preflight import Plan
from xttslab.training.samples import EpochScores, SpokenSamples, sample_plan
from xttslab.training.stage import EpochLines, Stage
from xttslab.training.start import Start, instances, plain

_ONE_DEVICE = ("1", "auto")
_PARALLEL_STRATEGIES = ("ddp", "fsdp", "deepspeed")
_CHECKPOINT_OPTIONS = ("monitor", "top_k", "half", "every_minutes", "keep_last")


@dataclass(frozen=True)
class Job:
    """One run that is about to train: its configuration and what was built from it.

    `resume_from` is the checkpoint to go on from, None for a fresh start; `callbacks` are those of
    a sweep, if it is one of its runs.
    """

    config: DictConfig
    base: Base
    corpus: Corpus
    start: Start
    tracker: Tracker
    run_dir: Path
    resume_from: Path | None
    callbacks: Sequence[pl.Callback] = ()

    def clip_data(self) -> ClipData:
        """The corpus as codes, computed where the store lacks them, and loaders over them."""
        config = self.config
        store, keys = fill_store(self.corpus, self.base.codec, Path(config.codes_dir))
        return ClipData(
            self.corpus,
            self.base.gpt.tokens,
            store,
            keys,
            BatchSettings(**plain(config.batch)),
            config.loss.mask,
            config.seed,
        )

    def make_stage(self, *parts: Any, **settings: Any) -> Stage:
        """The stage's Lightning module, as `stage.module` names it, over `parts` of the model and
        its data. Raises UserError for one that cannot be found or takes other options."""
        optimizer, scheduler, seed = self.optimizer(), self.scheduler(), self.config.seed
        rest = {"optimizer": optimizer, "scheduler": scheduler, "seed": seed, **settings}
        try:
            return instantiate(self.config.stage.module, _convert_="all")(*parts, **rest)
        except (InstantiationException, TypeError) as fault:
            raise UserError(f"stage.module: {' '.join(str(fault).split())}") from fault

    def optimizer(self) -> Callable[..., Optimizer]:
        """The optimiser's constructor, without its parameters.

        Never fused where gradients are scaled (16-mixed): a fused step takes the scale away itself,
        after the gradients were clipped.
        """
        scaled = precision(self.config.trainer) == "16-mixed"
        made = instantiate(self.config.optim, _convert_="all")
        return partial(made, fused=None) if scaled else made

    def scheduler(self) -> Callable[..., LRScheduler]:
        """The schedule's constructor, without its optimiser."""
        return instantiate(self.config.scheduler, _convert_="all")

    def checkpoints(self, origin: str = "", codec: str = "") -> RunCheckpoints:
        """The callback that keeps checkpoints; for `origin` and `codec` see there."""
        settings = {name: self.config.checkpoint[name] for name in _CHECKPOINT_OPTIONS}
        if settings["monitor"] == SELECTION and not self._scores_every():
            raise UserError(
                f"checkpoint.monitor={SELECTION} needs scores, and this run speaks no samples that "
                "are scored; set samples.every_n_epochs and samples.score_every_n_epochs"
            )
        folder = self.run_dir / "checkpoints"
        return RunCheckpoints(folder, **settings, origin=origin, codec=codec)

    def log(self, seconds: float, clips: int) -> EpochLog:
        """The callback that logs epochs of so many clips with so many seconds of sound in all."""
        return EpochLog(self.tracker, seconds, clips)

    def samples(self, base: Base) -> list[SpokenSamples]:
        """The callback that lets a base speak, if it is to."""
        samples = self.config.samples
        if not samples.every_n_epochs:
            return []
        plan = sample_plan(plain(samples), self.corpus)
        scores = None
        if every := self._scores_every():
            scores = EpochScores(
                self.corpus.clips,
                list(samples.score_sources),
                instantiate(self.config.evaluation.scoring).beside_training(),
                every,
                Selection(**plain(self.config.checkpoint.selection)),
            )
        folder, monitor = self.run_dir / "samples", self.config.checkpoint.monitor
        return [SpokenSamples(base, plan, self.tracker, folder, monitor, scores)]

    def plan(self) -> Plan:
        """What the pre-flight must know of this run."""
        scoring = self.config.evaluation.scoring.recogniser if self._scores_every() else None
        on_card = scoring is not None and scoring.device == "cuda"
        return Plan.of(self.config, self.run_dir, RECOGNISER_GB if on_card else 0.0)

    def _scores_every(self) -> int:
        """Every how many epochs samples are scored; 0 where none is spoken."""
        samples = self.config.samples
        spoken = samples.every_n_epochs and self.config.stage.name != "dvae"
        return samples.score_every_n_epochs if spoken else 0

    def trainer(self, callbacks: Sequence[pl.Callback]) -> pl.Trainer:
        """Lightning's trainer as configured, with a stage's callbacks.

        Raises UserError where no epoch would be evaluated, and so none be the best.
        """
        config, chosen, tracker, run_dir = self.config, list(callbacks), self.tracker, self.run_dir
        every, last = config.trainer.check_val_every_n_epoch, config.trainer.max_epochs
        if every and last and 0 < last < every:
            raise UserError(
                f"trainer.check_val_every_n_epoch={every} with trainer.max_epochs={last}: no epoch "
                "would be evaluated, and no checkpoint kept as the best; choose a smaller one"
            )
        limit = config.loss.limit if config.stage.name == "gpt" else sys.float_info.max
        best = run_dir / "checkpoints" / BEST
        lines, history = EpochLines(config.checkpoint.monitor), ResumeHistory(tracker, run_dir)
        chosen += [lines, *self._configured_callbacks(), history]
        chosen += [ConfiguredRate(), SpillWarning()]
        chosen += [LossGuard(limit, str(best)), *self.callbacks, InterruptHandler()]
        return instantiate(
            config.trainer,
            _convert_="all",
            precision=precision(config.trainer),
            callbacks=chosen,
            plugins=[AtomicCheckpointIO()],
            logger=False,
            enable_model_summary=False,
            reload_dataloaders_every_n_epochs=1,  # the number of batches may change with the epoch
            default_root_dir=str(run_dir),
        )

    def _configured_callbacks(self) -> list[pl.Callback]:
        """Those of `conf/callbacks/`; raises UserError for one that cannot be made."""
        config, chosen = self.config, plain(self.config.callbacks)
        if not config.trainer.enable_progress_bar:
            chosen.pop("progress_bar", None)
        if not config.checkpoint.patience:
            chosen.pop("early_stopping", None)
        stopping = chosen.get("early_stopping")
        if stopping and stopping["monitor"] == SELECTION:  # known at some epochs only
            stopping["monitor"] = config.checkpoint.selection.loss
        return instances("callbacks", chosen, pl.Callback)


def require_trainable(trainer: DictConfig) -> None:
    """Raise UserError for a trainer that this system or its processor is not able to run."""
    devices = trainer.devices
    several = (
        len(devices) > 1 if isinstance(devices, ListConfig) else str(devices) not in _ONE_DEVICE
    )
    several = several or str(trainer.get("strategy", "")).startswith(_PARALLEL_STRATEGIES)
    if sys.platform == "win32" and several:
        raise UserError(
            f"trainer.devices={devices}: several cards talk by NCCL, which Windows lacks; train in "
            "WSL2, or on one card with trainer=gpu"
        )
    on_processor = trainer.accelerator == "cpu" or not torch.cuda.is_available()
    if "bf16" in str(trainer.precision) and on_processor and (fault := slow_bfloat16()):
        raise UserError(
            f"trainer.precision={trainer.precision}: {fault}; use trainer.precision=32-true"
        )


def precision(trainer: DictConfig) -> str:
    """Lightning's name of the configured precision; `auto` takes what the device is good at."""
    if trainer.precision != "auto":
        return trainer.precision
    if trainer.accelerator == "cpu" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
