"""A composed configuration in, a finished and tracked run out."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from pathlib import Path

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import EarlyStopping, RichProgressBar
from pytorch_lightning.utilities.exceptions import SIGTERMException

from xttslab.data.audio import read_audio
from xttslab.data.corpus import Corpus, load_corpus
from xttslab.data.datamodule import BatchSettings, ClipData, fill_store
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.base import Base, build_base, load_codec
from xttslab.model.lineage import CODEC, load_trained, save_codec
from xttslab.tracking.protocol import Tracker
from xttslab.training.announcing import leads, plain, start_tracking
from xttslab.training.keeping import LAST, RunCheckpoints, WholeFiles
from xttslab.training.module import GptStage
from xttslab.training.parameters import train_adapters, train_only
from xttslab.training.preflight import planned, preflight
from xttslab.training.quiet import quiet_libraries
from xttslab.training.speaking import SpokenSamples, sample_plan
from xttslab.training.starting import Start, resolve_start
from xttslab.training.summary import print_summary
from xttslab.training.watching import EpochLog

RUN_NAME = "XTTSLAB_RUN_NAME"  # the processes of one run share its generated name
FITTED_CLIPS = 400  # enough clips for the codebook of an untrained codec


def train(config: DictConfig) -> float | None:
    """Train one run; returns the best monitored value, or None when no epoch improved.

    Raises UserError for everything that the user can mend, before any training where possible.
    """
    quiet_libraries()
    run_dir = Path(config.output_dir) / run_name(config)
    resume_from = _resume_point(run_dir, config.resume)
    pl.seed_everything(config.seed, verbose=False)
    base = build_base(**plain(config.model), weights=config.weights, seed=config.seed)
    corpus = load_corpus(
        config.dataset.name,
        config.dataset.sources,
        config.dataset.language,
        base.tokenizer,
        base.gpt.max_text_tokens - 2,
        Path(config.codes_dir) / "hashes.json",
    )
    start = resolve_start(config.init_from, config.tracking.uri)
    if start.checkpoint:
        load_trained(base, start.checkpoint)
    tracker = start_tracking(config, run_dir, corpus, start)
    try:
        _settle_codec(base, corpus, run_dir, start)
        best = _fit(config, base, corpus, start, tracker, run_dir, resume_from)
    except (KeyboardInterrupt, SystemExit) as stop:
        tracker.finish("KILLED")
        print(f"stopped; go on with resume=true run_name={run_dir.name}", file=sys.stderr)
        if isinstance(stop, SIGTERMException):  # it would exit with 0, as if all were done
            raise SystemExit(128 + signal.SIGTERM) from stop
        raise
    except BaseException:
        tracker.finish("FAILED")
        raise
    tracker.finish()
    return best


def run_name(config: DictConfig) -> str:
    """The configured name, else data set, model and a short id."""
    if config.run_name:
        if "=" in config.run_name or "/" in config.run_name:
            raise UserError(f"run_name={config.run_name!r} may hold neither = nor /")
        return config.run_name
    if "LOCAL_RANK" in os.environ:  # a process of a run that another process named
        if RUN_NAME not in os.environ:
            raise UserError("several processes were started from outside; give run_name=")
        return os.environ[RUN_NAME]
    made = f"{config.dataset.name}_{config.model.name}_{uuid.uuid4().hex[:6]}"
    os.environ[RUN_NAME] = made
    return made


def _resume_point(run_dir: Path, resume: bool) -> Path | None:
    """The checkpoint to go on from; refuses to start where a run already is."""
    if not resume and leads() and (run_dir / "config.yaml").exists():
        raise UserError(
            f"{run_dir}: holds a run already; go on with it by resume=true, or give another "
            "run_name"
        )
    last = run_dir / "checkpoints" / LAST
    if resume and not last.is_file() and (run_dir / "finished").exists():
        raise UserError(f"{run_dir}: is finished; continue it with init_from={run_dir}")
    return last if resume and last.is_file() else None


def _settle_codec(base: Base, corpus: Corpus, run_dir: Path, start: Start) -> None:
    """Untrained codecs get a codebook from the training clips, once for a chain of runs."""
    if base.codec_fitted:
        return
    kept = run_dir / CODEC
    inherited = start.run_dir is not None and (start.run_dir / CODEC).is_file()
    if kept.is_file():
        load_codec(base.codec, kept, kept)
    elif not inherited:
        rows = corpus.train[:FITTED_CLIPS]
        base.codec.fit([read_audio(corpus.clips[row].audio) for row in rows])
    save_codec(base, run_dir)


def _fit(
    config: DictConfig,
    base: Base,
    corpus: Corpus,
    start: Start,
    tracker: Tracker,
    run_dir: Path,
    resume_from: Path | None,
) -> float | None:
    _choose_trained(config, base)
    if config.compile:
        base.gpt.compile()
    data = _build_data(config, base, corpus)
    tracker.log_metrics(data.code_statistics(), step=0)
    tracker.log_params({f"share.{name}": share for name, share in data.shares().items()})
    stage = _build_stage(config, base, data)
    keeper = RunCheckpoints(
        run_dir / "checkpoints",
        **{k: config.checkpoint[k] for k in _KEEPING},
        origin=_origin(base, start),
    )
    trainer = _build_trainer(config, base, data, tracker, keeper, run_dir)
    if trainer.is_global_zero:
        preflight(stage, data, trainer, run_dir, **planned(config))
    if resume_from is None:
        trainer.validate(stage, data, verbose=False)
    trainer.fit(stage, data, ckpt_path=resume_from, weights_only=True)
    return _conclude(keeper, tracker, start, run_dir)


def _origin(base: Base, start: Start) -> str:
    """Where the weights are that this run does not train; "" when it trains all of them."""
    frozen = any(not parameter.requires_grad for parameter in base.gpt.parameters())
    return str(start.checkpoint) if frozen and start.checkpoint else ""


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


_KEEPING = ("monitor", "top_k", "half", "every_minutes", "keep_last")


def _build_data(config: DictConfig, base: Base, corpus: Corpus) -> ClipData:
    store, keys = fill_store(corpus, base.codec, Path(config.codes_dir))
    return ClipData(
        corpus,
        base.gpt.tokens,
        store,
        keys,
        BatchSettings(**plain(config.batch)),
        config.loss.mask,
        config.dataset.balance,
        config.dataset.max_repeats,
        config.seed,
    )


def _build_stage(config: DictConfig, base: Base, data: ClipData) -> GptStage:
    return GptStage(
        base.gpt,
        data.corpus.clips,
        data.corpus.eval,
        data.train_eval_rows(),
        instantiate(config.optim, _convert_="all"),
        instantiate(config.scheduler, _convert_="all"),
        config.loss.text_weight,
        config.loss.mel_weight,
        config.seed,
    )


def _build_trainer(
    config: DictConfig,
    base: Base,
    data: ClipData,
    tracker: Tracker,
    keeper: RunCheckpoints,
    run_dir: Path,
) -> pl.Trainer:
    rows = data.corpus.train
    seconds = sum(data.corpus.seconds[row] for row in rows)
    callbacks: list[pl.Callback] = [EpochLog(tracker, seconds, len(rows)), keeper]
    if config.trainer.enable_progress_bar:
        callbacks.append(RichProgressBar(leave=False))
    if config.checkpoint.patience:
        stopping = {
            "patience": config.checkpoint.patience,
            "min_delta": config.checkpoint.min_delta,
        }
        callbacks.append(EarlyStopping(config.checkpoint.monitor, **stopping))
    if config.samples.every_n_epochs:
        plan = sample_plan(plain(config.samples), data.corpus)
        callbacks.append(SpokenSamples(base, plan, tracker, run_dir / "samples"))
    return instantiate(
        config.trainer,
        _convert_="all",
        precision=precision(config.trainer.precision),
        callbacks=callbacks,
        plugins=[WholeFiles()],
        logger=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,  # the number of batches may change with the epoch
        default_root_dir=str(run_dir),
    )


def precision(configured: str) -> str:
    """Lightning's name of a precision; `auto` takes what the machine is good at."""
    if configured != "auto":
        return configured
    if not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _conclude(
    keeper: RunCheckpoints, tracker: Tracker, start: Start, run_dir: Path
) -> float | None:
    rows = print_summary(run_dir, keeper)
    (run_dir / "finished").touch()
    tags: dict[str, object] = {"epochs_total": start.epochs + rows}
    if keeper.best:
        value, epoch = keeper.best
        tags |= {
            "best_value": value,
            "best_epoch": epoch,
            "checkpoint": str(keeper.best_path),
        }
    tracker.set_tags(tags)
    return keeper.best[0] if keeper.best else None
