"""Predicted mean opinion scores (1 to 5) of recordings, by two independent predictors.

DistillMOS (Stahl and Gamper, "Distillation and pruning for scalable self-supervised speech quality
assessment", 2025) is the opinion that naturalness is scored by, DNSMOS (Reddy et al., 2022; its
overall score) the second one. Both learned from listeners' ratings of telephone and noise-reduced
speech, mostly English: good for finding a worse voice, no proof of a natural one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.data.predictors import require
from xttslab.evaluation.spoken_clips import RATE

_DNSMOS_SAMPLES = 144_160  # 9.01 s, the input of its network
_INSTALL = "run `pip install distillmos speechmos`"


def predict_distillmos(audios: Sequence[np.ndarray]) -> np.ndarray:
    """Score float32 clips at 16 kHz; returns (len(audios),) MOS, NaN for an empty or mute clip.

    Raises PredictorMissing when distillmos is not installed.
    """
    return _scores(audios, _distillmos())


def predict_dnsmos(audios: Sequence[np.ndarray]) -> np.ndarray:
    """DNSMOS's overall score of float32 clips at 16 kHz, (len(audios),); NaN for a mute clip.

    A short clip is repeated up to 9.01 s and a long one read in steps of 1 s, as its authors do.
    Raises PredictorMissing when speechmos is not installed.
    """
    return _scores(audios, _dnsmos())


def _scores(audios: Sequence[np.ndarray], predict: Callable[[np.ndarray], float]) -> np.ndarray:
    return np.array([predict(audio) if np.any(audio) else np.nan for audio in audios], dtype=float)


@lru_cache(maxsize=1)
def _distillmos() -> Callable[[np.ndarray], float]:
    from contextlib import redirect_stdout
    from io import StringIO

    package = require("distillmos", _INSTALL)
    import torch

    with redirect_stdout(StringIO()):  # it prints the place of its weights
        model = package.ConvTransformerSQAModel().eval()

    def predict(audio: np.ndarray) -> float:
        with torch.inference_mode():
            return float(model(torch.from_numpy(audio)[None]))

    return predict


@lru_cache(maxsize=1)
def _dnsmos() -> Callable[[np.ndarray], float]:
    package = require("speechmos.dnsmos", _INSTALL)
    session = _session(Path(package.__file__).parent / "dnsmos_models" / "sig_bak_ovr.onnx")
    calibrate = package.DNSMOS.get_polyfit_val  # raw network output → opinion scale

    def predict(audio: np.ndarray) -> float:
        whole = audio if len(audio) >= _DNSMOS_SAMPLES else np.resize(audio, _DNSMOS_SAMPLES)
        starts = range(0, len(whole) - _DNSMOS_SAMPLES + 1, RATE)
        windows = (whole[start : start + _DNSMOS_SAMPLES] for start in starts)
        raw = [session.run(None, {"input_1": window[None]})[0][0] for window in windows]
        return float(np.mean([calibrate(None, *scores, False)[2] for scores in raw]))

    return predict


def _session(path: Path) -> Any:
    """An ONNX session that waits for work without spinning: others need the cores too."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
