"""A run that is about to start in, a short table of what it will take out, or a refusal.

Nothing that decides the run's numbers is touched: the timed steps read batches of their own, and
neither weights nor random numbers change.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.datamodule import ClipData
from xttslab.errors import UserError
from xttslab.model.losses import clip_losses, weighted_total
from xttslab.training.memory import BatchSize, Memory, estimate_memory, smaller_preset
from xttslab.training.module import GptStage

_NO_PRESET = "no preset is as small; use another card, or trainer=cpu"
_SHORT_RUN = 60  # steps; timing three of them would cost more than it tells
_MEL_HOP = 256


@dataclass(frozen=True)
class Needs:
    """What a run takes, against what there is."""

    trained: int  # parameters
    parameters: int
    memory: Memory
    memory_there_gb: float
    disk_gb: float
    disk_there_gb: float
    steps: int
    step_s: float | None


def planned(config: DictConfig) -> dict[str, Any]:
    """What `preflight` must know of a run's configuration."""
    return {
        "adam_8bit": config.optim._target_.endswith("8bit"),
        "sentences": len(config.samples.sentences) if config.samples.every_n_epochs else 0,
        "files": config.checkpoint.top_k,
        "half_files": config.checkpoint.half,
        "timed_steps": config.timed_steps,
    }


def preflight(
    stage: GptStage,
    data: ClipData,
    trainer: pl.Trainer,
    folder: Path,
    adam_8bit: bool,
    sentences: int,
    files: int,
    half_files: bool,
    timed_steps: int,
) -> Needs:
    """Print what the run will take.

    Args:
        folder: where checkpoints go.
        adam_8bit, sentences: of the optimiser and the samples (see `estimate_memory`).
        files, half_files: how many best checkpoints are kept, and whether in 16 bits.
        timed_steps: how many steps are tried to know their time; 0 for none.

    Raises UserError when memory or disk cannot suffice, naming what would.
    """
    gpt, device = stage.gpt, trainer.strategy.root_device
    half = "16" in str(trainer.precision)
    memory = estimate_memory(gpt, largest_batch(data), half, adam_8bit, sentences)
    trained = sum(p.numel() for p in gpt.parameters() if p.requires_grad)
    batches = -(-len(data.trial_sampler()) // trainer.world_size)
    steps = batches * (trainer.max_epochs or 0)
    needs = Needs(
        trained=trained,
        parameters=sum(p.numel() for p in gpt.parameters()),
        memory=memory,
        memory_there_gb=memory_there_gb(device),
        disk_gb=_disk_gb(memory, trained, files, half_files),
        disk_there_gb=shutil.disk_usage(folder).free / 1e9,
        steps=steps,
        step_s=None,
    )
    require_room(needs, device)
    if timed_steps and steps >= _SHORT_RUN:
        needs = Needs(**{**vars(needs), "step_s": _time_step(stage, data, trainer, timed_steps)})
    print_needs(needs, data)
    return needs


def largest_batch(data: ClipData) -> BatchSize:
    """The most that one batch of this data and these settings can hold on a device."""
    settings, longest = data.settings, max(data.lengths)
    clips = settings.clips or max(1, settings.max_tokens // longest)
    if settings.max_tokens:
        clips = min(clips, max(1, settings.max_tokens // longest))
    clips = min(clips, len(data.lengths))
    frames = round(settings.prompt_seconds[1] * SAMPLE_RATE / _MEL_HOP)
    return BatchSize(clips, clips * longest, clips * frames)


def memory_there_gb(device: torch.device) -> float:
    """Memory that is free for training, in 10⁹ bytes; a model that is loaded counts as free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    process = psutil.Process().memory_info().rss
    return (psutil.virtual_memory().available + process) / 1e9


def require_room(needs: Needs, device: torch.device) -> None:
    """Raise UserError when memory or disk is too small, with a setting that fits."""
    peak, there = needs.memory.peak_gb, needs.memory_there_gb
    if peak > there:
        raise UserError(
            f"training takes about {peak:.1f} GB of memory and {there:.1f} GB are free on "
            f"{device}; {_advice(there, device)}"
        )
    if needs.disk_gb > needs.disk_there_gb:
        raise UserError(
            f"checkpoints take up to {needs.disk_gb:.1f} GB and {needs.disk_there_gb:.1f} GB are "
            "free; free some space, set checkpoint.half=true, or use adapter=lora"
        )


def print_needs(needs: Needs, data: ClipData) -> None:
    """The table."""
    memory, corpus = needs.memory, data.corpus
    table = Table(title="before the first step", title_justify="left", show_header=False)
    share = needs.trained / needs.parameters
    table.add_row("trained", f"{needs.trained / 1e6:.1f} M parameters ({share:.1%} of the GPT)")
    parts = ("weights", "optimizer", "gradients", "activations")
    listed = ", ".join(f"{name} {getattr(memory, name) / 1e9:.2f}" for name in parts)
    table.add_row("memory", f"{memory.peak_gb:.1f} of {needs.memory_there_gb:.1f} GB ({listed})")
    table.add_row("disk", f"{needs.disk_gb:.1f} of {needs.disk_there_gb:.1f} GB")
    if needs.step_s is not None:
        took = f"{needs.step_s:.2f} s × {needs.steps} steps"
        table.add_row("time", f"{_spoken(needs.step_s * needs.steps)} without evaluation ({took})")
    tokens = sum(data.lengths)
    table.add_row("an epoch", f"{len(data.lengths)} clips, {tokens} tokens, none truncated")
    reasons = Counter(rejection.reason for rejection in corpus.rejected)
    for reason, count in reasons.most_common(3):
        table.add_row("rejected", f"{count} clips: {reason}")
    Console().print(table)


def _advice(there_gb: float, device: torch.device) -> str:
    if device.type != "cuda":
        return "use hardware=cpu, or batch.clips=1"
    preset = smaller_preset(there_gb)
    return f"use hardware={preset}" if preset else _NO_PRESET


def _disk_gb(memory: Memory, trained: int, files: int, half_files: bool) -> float:
    """The best files of now and those that `last` and the one before it count as best, `last`, and
    each once more while it is being replaced."""
    best = trained * (2 if half_files else 4)
    last = trained * 4 + memory.optimizer
    return (best * (3 * files + 1) + 2 * last) / 1e9


def _time_step(stage: GptStage, data: ClipData, trainer: pl.Trainer, steps: int) -> float:
    """Median seconds of a pass forward and back; weights and random numbers stay as they were."""
    device = trainer.strategy.root_device
    stage.to(device).train()
    times = []
    with torch.random.fork_rng(), trainer.precision_plugin.train_step_context():
        for batch in data.trial_batches(steps):
            started = time.perf_counter()
            losses = clip_losses(stage.gpt(batch.to(device)), batch.to(device))
            text = losses.text.sum() / losses.text_tokens.sum()
            mel = losses.mel.sum() / losses.mel_tokens.sum()
            weighted_total(text, mel, *stage.weights).backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - started)
    stage.gpt.zero_grad(set_to_none=True)
    return statistics.median(times)


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
