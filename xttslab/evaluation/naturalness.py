"""Predicts how natural people would find a recording, by DistillMOS.

DistillMOS (Stahl and Gamper, "Distillation and pruning for scalable self-supervised speech quality
assessment", 2025) learned from listeners' ratings of telephone and noise-reduced speech, mostly
English: good for finding a worse voice, no proof of a natural one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from xttslab.data.predictors import require

_INSTALL = "run `pip install distillmos`"


def predict_distillmos(
    audios: Sequence[np.ndarray], on_done: Callable[[int], None] | None = None
) -> np.ndarray:
    """Score float32 clips at 16 kHz; returns (len(audios),) MOS, NaN for an empty or mute clip.

    One clip a core at a time: its convolutions are too small to share a clip between cores, which
    then wait for each other at full load. `on_done` is told of every clip. Raises PredictorMissing
    when distillmos is not installed.
    """
    model = _distillmos()

    def predict(audio: np.ndarray) -> float:
        value = _score(model, audio) if np.any(audio) else float("nan")
        if on_done:
            on_done(1)
        return value

    with _one_core_each() as cores, ThreadPoolExecutor(cores) as pool:
        return np.array(list(pool.map(predict, audios)), dtype=float)


@contextmanager
def _one_core_each() -> Iterator[int]:
    """Let torch compute with one core a thread inside; gives the number of threads to use."""
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield min(usual, os.cpu_count() or 1)
    finally:
        torch.set_num_threads(usual)


def _score(model: Any, audio: np.ndarray) -> float:
    import torch

    with torch.inference_mode():
        return float(model(torch.from_numpy(audio)[None]))


@lru_cache(maxsize=1)
def _distillmos() -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    package = require("distillmos", _INSTALL)
    with redirect_stdout(StringIO()):  # it prints the place of its weights
        return package.ConvTransformerSQAModel().eval()
