"""Trains one run from its configuration: model, data, tracking, stage, and what is kept."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.utilities.exceptions import SIGTERMException

from xttslab.data.audio import read_audio
from xttslab.data.corpus import Corpus, load_corpus
from xttslab.errors import UserError
from xttslab.model.base import (
    CODEC,
    Base,
    build_base,
    codec_of,
    load_codec,
    load_trained,
    require_gpt,
    save_codec,
)
from xttslab.progress import doing
from xttslab.tracking.records import FAILED, KILLED, SUCCEEDED
from xttslab.tracking.run_tracker import check_run_name
from xttslab.training.callbacks import go_back
from xttslab.training.checkpointing import RunCheckpoints, resume_point
from xttslab.training.fitting import FITTED_CLIPS, fit_decoder, fit_dvae, fit_gpt
from xttslab.training.job import Job, require_trainable
from xttslab.training.memory import smaller_preset
from xttslab.training.start import (
    Start,
    find_rank,
    flat,
    is_rank_zero,
    plain,
    print_summary,
    resolve_start,
    start_tracking,
)

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|bad_alloc")
_WORKER_GONE = re.compile(r"DataLoader worker \(pid\(?s?\)? ?[\d, ]+\)")
_PEER_GONE = re.compile(r"[Cc]onnection (closed|reset) by peer|Broken pipe|NCCL|gloo", re.DOTALL)
STAGES: dict[str, Callable[[Job], RunCheckpoints]] = {
    "gpt": fit_gpt,
    "dvae": fit_dvae,
    "decoder": fit_decoder,
}
_HURRY_S = 10.0  # whoever pressed Ctrl-C does not wait for a store that is stuck
RUN_NAME = "XTTSLAB_RUN_NAME"  # the processes of one run share its generated name


def train(
    config: DictConfig,
    tags: Mapping[str, str] | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> float | None:
    """Train one run; returns the best monitored value, or None when no epoch improved.

    A sweep gives its children `tags` and `callbacks` of its own.

    Raises UserError for everything that the user can mend, before any training where possible.
    """
    require_trainable(config.trainer)
    run_dir = Path(config.output_dir) / run_name(config)
    resume_from = _resume_point(run_dir, config.resume)
    pl.seed_everything(config.seed, verbose=False)
    base, corpus, start = _load(config)
    tracker = start_tracking(config, run_dir, corpus, start, tags or {})
    try:
        if resume_from is None and is_rank_zero():
            go_back(run_dir, tracker, -1)
        if config.stage.name != "dvae":
            _settle_codec(base, corpus, run_dir, start)
        job = Job(config, base, corpus, start, tracker, run_dir, resume_from, callbacks)
        with reported_faults(run_dir.name):
            checkpoints = STAGES[config.stage.name](job)
        best = _conclude(checkpoints, job)
    except (KeyboardInterrupt, SystemExit) as stop:
        print(f"stopped; go on with resume=true run_name={run_dir.name}", file=sys.stderr)
        tracker.finish(KILLED, _HURRY_S)
        number = signal.SIGTERM if isinstance(stop, SIGTERMException) else signal.SIGINT
        raise SystemExit(128 + number) from stop
    except BaseException:
        tracker.finish(FAILED)
        raise
    tracker.finish()
    if is_rank_zero():
        (run_dir / SUCCEEDED).touch()
        checkpoints.tidy()
    return best


def _load(config: DictConfig) -> tuple[Base, Corpus, Start]:
    """The model with the weights that the run starts from, and the data set."""
    doing("loading the model and the data set")
    base = build_base(**plain(config.model), weights=config.weights, seed=config.seed)
    corpus = load_corpus(
        config.dataset.name,
        config.dataset.sources,
        config.dataset.language,
        base.tokenizer,
        base.gpt.clip_limits,
        Path(config.codes_dir) / "audio_files.json",
        _least_agreement(config.copies),
    )
    start = resolve_start(config.init_from, config.tracking.uri, _model(config))
    if start.checkpoint:
        base = load_trained(base, start.checkpoint)
        if config.stage.name == "decoder":
            require_gpt(start.checkpoint)
    return base, corpus, start


def _least_agreement(copies: DictConfig) -> float | None:
    if copies.across_sets not in ("leave_out", "keep"):
        raise UserError(f"copies.across_sets={copies.across_sets}: write leave_out or keep")
    return copies.min_agreement if copies.across_sets == "leave_out" else None


def run_name(config: DictConfig) -> str:
    """The configured name, else data set, model and a short id; the processes of one run share it.

    Raises UserError for a name that cannot be one, and where several processes were started that
    would each make up their own.
    """
    shared = find_rank(config.trainer)
    if config.run_name:
        check_run_name(config.run_name)
        return config.run_name
    if shared:  # another process of the run has named it
        if RUN_NAME not in os.environ:
            raise UserError("several processes were started from outside; give run_name=")
        return os.environ[RUN_NAME]
    made = f"{config.dataset.name}_{config.model.name}_{uuid.uuid4().hex[:6]}"
    os.environ[RUN_NAME] = made
    return made


def _model(config: DictConfig) -> dict[str, str]:
    """The model's name and sizes as a run's parameters name them."""
    described = flat({"architecture": plain(config.model.architecture)}, "model.")
    return {"model.name": config.model.name, **{n: str(value) for n, value in described.items()}}


def _resume_point(run_dir: Path, resume: bool) -> Path | None:
    """The checkpoint to go on from; refuses to start where a run already is."""
    if not resume and is_rank_zero() and (run_dir / "config.yaml").exists():
        raise UserError(
            f"{run_dir}: holds a run already; go on with it by resume=true, or give another "
            "run_name"
        )
    point = resume_point(run_dir / "checkpoints") if resume else None
    if resume and not point and (run_dir / SUCCEEDED).exists():
        raise UserError(f"{run_dir}: is finished; continue it with init_from={run_dir}")
    return point


def _settle_codec(base: Base, corpus: Corpus, run_dir: Path, start: Start) -> None:
    """Untrained codecs get a codebook from the training clips, once for a chain of runs; a codec
    that is not the base model's stays with the run."""
    inherited = start.checkpoint is not None and codec_of(start.checkpoint) is not None
    if base.codec_fitted and not inherited:
        return
    kept = run_dir / CODEC
    if kept.is_file():
        load_codec(base.codec, kept, kept)
    elif not inherited:
        rows = corpus.train[:FITTED_CLIPS]
        base.codec.fit([read_audio(corpus.clips[row].audio) for row in rows])
    if is_rank_zero():  # all processes of a run arrive at the same codec at the same time
        save_codec(base, run_dir)


def _conclude(checkpoints: RunCheckpoints, job: Job) -> float | None:
    epochs = print_summary(job.run_dir, checkpoints)
    tags: dict[str, object] = {"epochs_total": job.start.epochs + epochs}
    if checkpoints.best:
        value, epoch = checkpoints.best
        tags |= {
            "best_value": value,
            "best_epoch": epoch,
            "checkpoint": checkpoints.best_path,
        }
    job.tracker.set_tags(tags)
    return checkpoints.best[0] if checkpoints.best else None


@contextmanager
def reported_faults(run: str) -> Iterator[None]:
    """Turn memory that ran out, a data worker or another process of the run that was killed into
    a UserError; everything else passes as it is. `run` is the name to go on with."""
    try:
        yield
    except UserError as fault:
        lines = str(fault).strip().splitlines()
        if len(lines) < 2:
            raise
        # a data worker sends its traceback along; the message is behind the class in its last line
        raise UserError(lines[-1].partition("UserError: ")[2] or lines[-1]) from fault
    except (MemoryError, RuntimeError, ConnectionError, EOFError) as fault:
        raise UserError(f"{_cause(fault)}; go on with resume=true run_name={run}") from fault


def _cause(fault: Exception) -> str:
    """What happened and which setting helps; raises `fault` where that is not known."""
    text = str(fault)
    if isinstance(fault, MemoryError) or _NO_MEMORY.search(text):
        return _no_memory()
    if _WORKER_GONE.search(text) or _handing_over(fault):
        return (
            "a data worker process was killed, most likely because memory ran out: free some or "
            "set batch.workers=0"
        )
    if _distributed() and _PEER_GONE.search(text):
        return "another process of this run ended, see its message; all its processes have stopped"
    raise fault


def _handing_over(fault: Exception) -> bool:
    """Whether a worker died while it handed a batch over: then its socket breaks instead."""
    if not isinstance(fault, (ConnectionError, EOFError)):
        return False
    frames = traceback.extract_tb(fault.__traceback__)
    return any("multiprocessing" in frame.filename for frame in frames)


def _no_memory() -> str:
    if not torch.cuda.is_available():
        return "memory ran out: use hardware=cpu, batch.clips=1 or adapter=lora"
    choices = HydraConfig.get().runtime.choices if HydraConfig.initialized() else {}
    used = torch.cuda.max_memory_allocated() / 1e9
    preset = smaller_preset(used, choices.get("hardware"))
    there = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 1e9
    advice = f"use hardware={preset}" if preset else "no preset is smaller: use another card"
    return f"the GPU's memory ran out ({used:.1f} of {there:.1f} GB were in use): {advice}"


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
