"""Says what memory, disk and time a run will take before its first step, and refuses too much."""

from __future__ import annotations

import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from xttslab.data.datamodule import ClipData
from xttslab.errors import UserError
from xttslab.model.gpt import clip_losses, weighted_total
from xttslab.progress import doing
from xttslab.training.gpt_stage import GptStage
from xttslab.training.memory import (
    FLOAT_BYTES,
    Memory,
    SpillWarning,
    estimate_memory,
    kept_for_backward,
    largest_batch,
    memory_there_gb,
    optimizer_bytes,
    smaller_preset,
)
from xttslab.training.stage import AveragingStage

_NO_PRESET = "no preset is as small; use another card, or trainer=cpu"
_SHORT_RUN = 60  # steps; timing three of them would cost more than it tells


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


@dataclass(frozen=True)
class Plan:
    """What the pre-flight must know of a run's configuration.

    Attributes:
        folder: where checkpoints go.
        adam_8bit: whether the optimiser keeps its moments in 8 bits.
        sentences: how many samples are spoken together.
        files, half_files: how many best checkpoints are kept, and whether in 16 bits.
        timed_steps: how many steps of the GPT are tried to know their time; 0 for none.
        scoring_gb: what the models that score samples take of the card.
    """

    folder: Path
    adam_8bit: bool
    sentences: int
    files: int
    half_files: bool
    timed_steps: int
    scoring_gb: float

    @classmethod
    def of(cls, config: DictConfig, folder: Path, scoring_gb: float) -> Plan:
        """From `conf/train.yaml`."""
        return cls(
            folder,
            adam_8bit=config.optim._target_.endswith("8bit"),
            sentences=len(config.samples.sentences) if config.samples.every_n_epochs else 0,
            files=config.checkpoint.top_k,
            half_files=config.checkpoint.half,
            timed_steps=config.timed_steps,
            scoring_gb=scoring_gb,
        )


def preflight(stage: GptStage, data: ClipData, trainer: pl.Trainer, plan: Plan) -> Needs:
    """Print what a run of the GPT will take.

    Raises UserError when memory or disk cannot suffice, naming what would.
    """
    gpt, device, half = stage.gpt, trainer.strategy.root_device, "16" in str(trainer.precision)
    memory = estimate_memory(gpt, largest_batch(data), half, plan.adam_8bit, plan.sentences)
    steps = -(-len(data.trial_sampler()) // trainer.world_size) * (trainer.max_epochs or 0)
    needs = _needs(gpt, memory, plan, device, steps)
    require_room(needs, device)
    doing("looking at what the run will take")
    if plan.timed_steps and steps >= _SHORT_RUN:
        needs = replace(needs, step_s=_time_step(stage, data, trainer, plan.timed_steps))
        for callback in trainer.callbacks:
            if isinstance(callback, SpillWarning):
                callback.usual_s = needs.step_s
    print_needs(needs, data)
    return needs


class SoundPreflight(pl.Callback):
    """Prints what a run of decoder or DVAE will take, once its data is there, and raises UserError
    where that is too much.

    Args:
        example: a batch of the loader's dataset, and the largest batch's size in multiples of it.
        beside: a model that is on the device too (the GPT that makes the decoder's latents).
    """

    def __init__(
        self, plan: Plan, example: Callable[[Any], tuple[Any, float]], beside: nn.Module | None
    ) -> None:
        self.plan, self.example, self.beside = plan, example, beside

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, AveragingStage)
        device = pl_module.device
        batch, times = self.example(trainer.train_dataloader)
        batch = trainer.strategy.batch_to_device(batch)
        with trainer.precision_plugin.train_step_context():
            kept = kept_for_backward(lambda: pl_module.trial_loss(batch), pl_module)
        learning, adam_8bit = pl_module.learning, self.plan.adam_8bit
        memory = _of_module(learning, self.beside, round(kept * times), adam_8bit)
        steps = int(trainer.estimated_stepping_batches)
        needs = _needs(learning, memory, self.plan, device, steps)
        if trainer.is_global_zero:
            require_room(needs, device)
            _print(_rows(needs))


def _of_module(
    learning: nn.Module, beside: nn.Module | None, activations: int, adam_8bit: bool
) -> Memory:
    trained = sum(p.numel() for p in learning.parameters() if p.requires_grad)
    there = [*learning.parameters(), *(beside.parameters() if beside else ())]
    return Memory(
        weights=sum(p.numel() * p.element_size() for p in there),
        optimizer=optimizer_bytes(trained, adam_8bit),
        gradients=trained * FLOAT_BYTES,
        activations=activations,
        speaking=0,
    )


def _needs(
    trained: nn.Module, memory: Memory, plan: Plan, device: torch.device, steps: int
) -> Needs:
    count = sum(p.numel() for p in trained.parameters() if p.requires_grad)
    memory = replace(memory, scoring=round(plan.scoring_gb * 1e9))
    return Needs(
        trained=count,
        parameters=sum(p.numel() for p in trained.parameters()),
        memory=memory,
        memory_there_gb=memory_there_gb(device),
        disk_gb=_disk_gb(memory, count, plan.files, plan.half_files),
        disk_there_gb=shutil.disk_usage(plan.folder).free / 1e9,
        steps=steps,
        step_s=None,
    )


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


def _advice(there_gb: float, device: torch.device) -> str:
    if device.type != "cuda":
        return "use hardware=cpu, or batch.clips=1"
    preset = smaller_preset(there_gb)
    return f"use hardware={preset}" if preset else _NO_PRESET


def _disk_gb(memory: Memory, trained: int, files: int, half_files: bool) -> float:
    """The best files of now and those that `last` and the one before it count as best, `last`, and
    each once more while it is being replaced."""
    best = trained * (FLOAT_BYTES // 2 if half_files else FLOAT_BYTES)
    last = trained * FLOAT_BYTES + memory.optimizer
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


def print_needs(needs: Needs, data: ClipData) -> None:
    """The table of a GPT's run, with what its data is."""
    rows = _rows(needs)
    tokens = sum(data.lengths)
    rows["an epoch"] = f"{len(data.lengths)} clips, {tokens} tokens, none truncated"
    reasons = Counter(rejection.reason for rejection in data.corpus.rejected)
    rejected = [f"{count} clips: {reason}" for reason, count in reasons.most_common(3)]
    _print(rows, rejected)


def _rows(needs: Needs) -> dict[str, str]:
    memory = needs.memory
    share = needs.trained / needs.parameters
    parts = ("weights", "optimizer", "gradients", "activations", "scoring")
    listed = ", ".join(
        f"{name} {getattr(memory, name) / 1e9:.2f}" for name in parts if getattr(memory, name)
    )
    rows = {
        "trained": f"{needs.trained / 1e6:.1f} M parameters ({share:.1%} of the model)",
        "memory": f"{memory.peak_gb:.1f} of {needs.memory_there_gb:.1f} GB ({listed})",
        "disk": f"{needs.disk_gb:.1f} of {needs.disk_there_gb:.1f} GB",
    }
    if needs.step_s is not None:
        took = f"{needs.step_s:.2f} s × {needs.steps} steps"
        rows["time"] = f"{_spoken(needs.step_s * needs.steps)} without evaluation ({took})"
    return rows


def _print(rows: Mapping[str, str], rejected: list[str] | None = None) -> None:
    table = Table(title="before the first step", title_justify="left", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    for line in rejected or ():
        table.add_row("rejected", line)
    Console().print(table)


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
