"""Estimates the memory, disk and time that a run will take, before its first step.

The counts are of the tensors that PyTorch keeps for the backward pass, in multiples of
(tokens × width) per layer; tests/training/test_preflight.py holds them against the real graph.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.datamodule import ClipData
from xttslab.errors import UserError
from xttslab.model.gpt import clip_losses, weighted_total
from xttslab.training.gpt_stage import GptStage

if TYPE_CHECKING:
    from xttslab.model.transformer import Recompute

# What each preset takes at XTTS-v2's size with its fullest batch, in GB (conf/hardware/).
PRESETS = {"gpu_24gb": 18.0, "gpu_12gb": 9.7, "gpu_8gb": 7.0, "gpu_6gb": 4.8}
_FLOAT = 4  # bytes
_ADAM_BYTES = 8  # two float32 moments a parameter
_ADAM_8BIT_BYTES = 2
# Bytes per token, layer and unit of width. Whole values: the input of both norms (always float32),
# and of each matrix product, attention and GELU, with two dropout masks.
_KEPT_FLOAT32 = {"none": 72.0, "cheap": 44.0, "all": 4.0}
_KEPT_16_BIT = {"none": 40.0, "cheap": 26.0, "all": 4.0}
# Adapters see the inputs through a dropout of their own; "cheap" keeps their products too.
_ADAPTERS_KEPT = {"none": 33.0, "cheap": 36.0, "all": 0.0}
_CONDITIONING_KEPT = 194.0  # per prompt frame or latent and unit of width, all blocks
_LOGIT_COPIES = 3  # logits, their log-softmax, its gradient
_AROUND = 500_000_000  # codec, decoder, libraries and their workspaces
_CACHE_TOKENS = 700  # a sample sentence: 32 latents, its text, at most 605 codes
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
    gpt, device, half = stage.gpt, trainer.strategy.root_device, "16" in str(trainer.precision)
    memory = estimate_memory(gpt, largest_batch(data), half, adam_8bit, sentences)
    trained = sum(p.numel() for p in gpt.parameters() if p.requires_grad)
    steps = -(-len(data.trial_sampler()) // trainer.world_size) * (trainer.max_epochs or 0)
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


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


@dataclass(frozen=True)
class BatchSize:
    """The largest batch of a device."""

    clips: int
    tokens: int  # clips × longest packed row
    frames: int  # clips × longest prompt


def largest_batch(data: ClipData) -> BatchSize:
    """The most that one batch of this data and these settings can hold on a device."""
    settings, longest = data.settings, max(data.lengths)
    clips = settings.clips or max(1, settings.max_tokens // longest)
    if settings.max_tokens:
        clips = min(clips, max(1, settings.max_tokens // longest))
    clips = min(clips, len(data.lengths))
    frames = round(settings.prompt_seconds[1] * SAMPLE_RATE / _MEL_HOP)
    return BatchSize(clips, clips * longest, clips * frames)


@dataclass(frozen=True)
class Memory:
    """Bytes by what holds them; `speaking` and the pass forward and back are never there at once,
    nor are all activations while all gradients are."""

    weights: int
    optimizer: int
    gradients: int
    activations: int
    speaking: int

    @property
    def peak_gb(self) -> float:
        """The most at any one time, in 10⁹ bytes."""
        passing = max(self.gradients, self.activations, self.speaking)
        return (_AROUND + self.weights + self.optimizer + passing) / 1e9


def estimate_memory(
    gpt: nn.Module, batch: BatchSize, half: bool, adam_8bit: bool, sentences: int = 0
) -> Memory:
    """What training `gpt` takes, with `requires_grad` and `recompute` as they are set on it.

    Args:
        half: 16-bit autocast, which also keeps a 16-bit copy of every matrix.
        adam_8bit: moments in 8 bits.
        sentences: how many sample sentences are spoken together.
    """
    parameters = list(gpt.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return Memory(
        weights=sum(p.numel() for p in parameters) * _FLOAT,
        optimizer=trained * (_ADAM_8BIT_BYTES if adam_8bit else _ADAM_BYTES),
        gradients=trained * _FLOAT,
        activations=round(_activations(gpt, batch, half)),
        speaking=sentences * _CACHE_TOKENS * gpt.layers * 2 * gpt.model_dim * _FLOAT,
    )


def _activations(gpt: nn.Module, batch: BatchSize, half: bool) -> float:
    recompute: Recompute = gpt.recompute
    whole = _KEPT_16_BIT if half else _KEPT_FLOAT32
    adapted = any(".lora_" in name for name, _ in gpt.named_parameters())
    kept = {name: whole[name] + adapted * _ADAPTERS_KEPT[name] for name in whole}
    layers = batch.tokens * gpt.layers * kept[recompute]
    if recompute != "none":  # one layer at a time is computed again
        layers += batch.tokens * kept["none"]
    prompted = next(gpt.conditioning_encoder.parameters()).requires_grad
    heard = batch.frames + batch.clips * len(gpt.conditioning_perceiver.latents)
    conditioning = heard * _CONDITIONING_KEPT if prompted else 0.0
    copies = sum(p.numel() for p in gpt.parameters() if p.dim() > 1) * 2 if half else 0
    widest = max(gpt.number_text_tokens / 4, gpt.num_audio_tokens)  # a quarter or less is text
    logits = batch.tokens * widest * _FLOAT * _LOGIT_COPIES
    return (layers + conditioning) * gpt.model_dim + copies + logits


def memory_there_gb(device: torch.device) -> float:
    """Memory that is free for training, in 10⁹ bytes; a model that is loaded counts as free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    process = psutil.Process().memory_info().rss
    return (psutil.virtual_memory().available + process) / 1e9


def smaller_preset(there_gb: float, chosen: str | None = None) -> str | None:
    """The largest preset of `hardware=` that takes at most `there_gb`, and less than `chosen` does;
    None where there is none."""
    limit = PRESETS.get(chosen or "", float("inf"))
    return next((name for name, gb in PRESETS.items() if gb <= there_gb and gb < limit), None)
