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
from math import ceil
from typing import Any

import numpy as np

from xttslab.data.predictors import require

_INSTALL = "run `pip install distillmos`"
_REACH = 6  # frames of 10 ms to either side: a layer of convolutions sees one more each


def predict_distillmos(
    audios: Sequence[np.ndarray], on_done: Callable[[int], None] | None = None
) -> np.ndarray:
    """Score float32 clips at 16 kHz; returns (len(audios),) MOS, NaN for an empty or mute clip.

    The values are those of the package's own `forward`, to rounding. One clip a core at a time: its
    convolutions are too small to share a clip between cores, which then wait for each other at full
    load. `on_done` is told of every clip. Raises PredictorMissing when distillmos is not installed.
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
    """Mean over the package's windows of 7.68 s, which are at most 1 s apart.

    One window at a time: several in one pass do not fit the processor's caches and cost a quarter
    more.
    """
    import torch
    from distillmos.sqa import MAX_HOP_LEN, SEQ_LEN

    over = max(0, len(audio) - SEQ_LEN)
    places = np.linspace(0, 1, ceil(over / MAX_HOP_LEN) + 1)
    with torch.inference_mode():
        wave = torch.from_numpy(audio)[None]
        windows = [wave[:, (start := int(place * over)) : start + SEQ_LEN] for place in places]
        return float(np.mean([float(_opinion(model, window)) for window in windows]))


def _opinion(model: Any, wave: Any) -> Any:
    """MOS of one window (1, n) of at most 7.68 s."""
    loudest = wave.abs().amax(dim=1, keepdim=True)
    features = _features(model, wave / (loudest + 1e-8))  # (1, 1024, 384)
    return 1 + 4 * model.transformer_pool_attn(features.permute(0, 2, 1))


def _features(model: Any, wave: Any) -> Any:
    """The convolutions' view (1, 1024, 384) of a wave (1, n), zeros after it.

    What lies beyond their reach of the wave's end is the same for every wave, so that a sentence of
    2 s costs a third of a whole window.
    """
    import torch
    from distillmos.sqa import SEQ_LEN
    from torch.nn.functional import pad

    hop = model.cnn.hop_length
    sounding = ceil((wave.shape[1] + hop) / hop)  # spectrogram frames that hold any of the wave
    own = (sounding + _REACH) // 2 + 1  # of the 384, those that depend on it
    needed = (2 * own + _REACH) * hop
    if needed >= SEQ_LEN:
        return model.cnn(pad(wave, (0, SEQ_LEN - wave.shape[1])))
    found = model.cnn(pad(wave, (0, needed - wave.shape[1])))
    return torch.cat((found[..., :own], _silence(model)[..., own:]), dim=-1)


@lru_cache(maxsize=1)
def _silence(model: Any) -> Any:
    import torch
    from distillmos.sqa import SEQ_LEN

    return model.cnn(torch.zeros(1, SEQ_LEN))


@lru_cache(maxsize=1)
def _distillmos() -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    package = require("distillmos", _INSTALL)
    with redirect_stdout(StringIO()):  # it prints the place of its weights
        model = package.ConvTransformerSQAModel().eval()
    for layer in model.cnn.cnn[1::2]:  # its activations, of 30 MB each
        layer.inplace = True
    return model
