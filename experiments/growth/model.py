"""A GPT of one layer, its first step and its mean step: what the growing data is fed to."""

from __future__ import annotations

import time
from collections.abc import Iterable

import torch

from xttslab.data.batches import Batch
from xttslab.model.gpt import XttsGpt, clip_losses


def tiny_gpt() -> XttsGpt:
    """One layer × 64 with XTTS's codes."""
    torch.manual_seed(7)
    return XttsGpt(
        layers=1, model_dim=64, heads=1, max_text_tokens=402, max_mel_tokens=605,
        number_text_tokens=75, start_text_token=73, num_audio_tokens=1026,
        start_audio_token=1024, stop_audio_token=1025, attention_dropout=0.0,
    ).train()  # fmt: skip


def first_step_s(gpt: XttsGpt, batch: Batch) -> float:
    """Seconds of one pass forward and back."""
    started = time.perf_counter()
    losses = clip_losses(gpt(batch), batch)
    (losses.mel.sum() / losses.mel_tokens.sum()).backward()
    return time.perf_counter() - started


def step_ms(gpt: XttsGpt, batches: Iterable[Batch]) -> float:
    """Milliseconds of processor time a clip, reading included."""
    clips, started = 0, time.process_time()
    for batch in batches:
        first_step_s(gpt, batch)
        clips += len(batch.rows)
    return (time.process_time() - started) / clips * 1000
