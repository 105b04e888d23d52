"""Cosine similarity of Resemblyzer speaker embeddings (n, 256), computed without librosa.

The same bits as `resemblyzer.wav_to_mel_spectrogram`, without librosa, whose import takes 136 MB
(numba, scikit-learn) in every process that embeds a voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from xttslab.evaluation.predictors import require
from xttslab.evaluation.spoken_clips import RATE

BANDS = 40
_WINDOW, _HOP = 400, 160  # 25 and 10 ms
_LINEAR, _KNEE = 200 / 3, 1000.0  # hertz a mel below the knee (Slaney's Auditory Toolbox, 1998) …
_LOG_STEP = np.log(6.4) / 27.0  # … and log of the ratio a mel above it
SIZE = 256  # numbers in an embedding
_INSTALL = "run `pip install webrtcvad-wheels && pip install --no-deps resemblyzer==0.1.4`"
_BATCH = 64  # windows of 1.6 s in one pass; 100 short sentences need about 300


def embed(audios: Sequence[np.ndarray]) -> np.ndarray:
    """Embed clips of float32 samples at 16 kHz, each of any length.

    Returns float32 (len(audios), 256), rows of norm 1; a clip in which no speech is found is a row
    of NaN. Raises PredictorMissing when Resemblyzer is not installed.
    """
    encoder, tools = _encoder()
    windows: list[np.ndarray] = []
    owners: list[int] = []
    for row, audio in enumerate(audios):
        found = _windows(audio, encoder, tools)
        windows += found
        owners += [row] * len(found)
    embeddings = np.full((len(audios), SIZE), np.nan, dtype=np.float32)
    if windows:
        parts = _forward(encoder, np.stack(windows))
        for row in set(owners):
            mean = parts[np.equal(owners, row)].mean(axis=0)
            embeddings[row] = mean / np.linalg.norm(mean)
    return embeddings


def cosines(clips: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, 256) and (m, 256) embeddings to their (n, m) cosines; NaN where either had no speech."""
    return clips @ others.T


def mean_similarity(clips: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Mean cosine of every clip to all reference clips, (n,); NaN where the clip had no speech.

    The mean of pairs, not the cosine to a mean embedding, whose value grows with the number of
    references and so could not be compared between runs.
    """
    heard = references[~np.isnan(references).any(axis=1)]
    if not len(heard):
        return np.full(len(clips), np.nan)
    return cosines(clips, heard).mean(axis=1)


def own_similarity(references: np.ndarray) -> np.ndarray:
    """Mean cosine of every reference clip to the speaker's other clips, (m,): the ceiling.

    NaN where fewer than two reference clips contain speech.
    """
    return similarity_to_others(references, references)


def similarity_to_others(clips: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Mean cosine of clip i to every reference but the i-th, which it is made from, (m,).

    Both are (m, 256). NaN where the clip, or every other reference, has no speech.
    """
    table = cosines(clips, references).astype(np.float64)  # (m, m)
    np.fill_diagonal(table, np.nan)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=1) / known.sum(axis=1)


def voice_drift(audio: np.ndarray, references: np.ndarray, seconds: float = 30.0) -> float:
    """How far a long recording wanders from its speaker: similarity of its first `seconds` to the
    references minus that of its last.

    `audio` is float32 (n,) at 16 kHz. 0: it stays; positive: it ends as somebody else. NaN for a
    recording shorter than twice `seconds` (its ends would overlap), or without speech there.
    """
    length = round(seconds * RATE)
    if len(audio) < 2 * length:
        return float("nan")
    first, last = mean_similarity(embed([audio[:length], audio[-length:]]), references)
    return float(first - last)


def _windows(audio: np.ndarray, encoder: Any, tools: Any) -> list[np.ndarray]:
    """The clip's mel windows (160 frames, 40 bands) of 1.6 s, voice only; none in silence."""
    if not len(audio) or not np.any(audio):
        return []
    voiced = tools.preprocess_wav(audio)
    if not len(voiced):
        return []
    wave_slices, mel_slices = encoder.compute_partial_slices(len(voiced), 1.3, 0.75)
    padded = np.pad(voiced, (0, max(0, wave_slices[-1].stop - len(voiced))))
    mel = voice_bands(padded)
    return [mel[part] for part in mel_slices]


def _forward(encoder: Any, windows: np.ndarray) -> np.ndarray:
    """(w, 160, 40) mel windows to (w, 256) embeddings, in batches."""
    import torch

    with torch.inference_mode():
        parts = [
            encoder(torch.from_numpy(windows[start : start + _BATCH])).numpy()
            for start in range(0, len(windows), _BATCH)
        ]
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _encoder() -> tuple[Any, Any]:
    """Resemblyzer's network and its audio functions, loaded once per process."""
    import warnings

    with warnings.catch_warnings():
        # It imports a renamed scipy module; nothing that its user could act on.
        warnings.filterwarnings(
            "ignore", message=".*binary_dilation.*", category=DeprecationWarning
        )
        package = require("resemblyzer", _INSTALL)
    return package.VoiceEncoder("cpu", verbose=False).eval(), package.audio


def voice_bands(voice: np.ndarray) -> np.ndarray:
    """Power in mel bands of (n,) float32 samples, every 10 ms: float32 (1 + n // 160, 40)."""
    padded = np.pad(voice, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, _WINDOW + 1)[:-1])
    power = np.abs(np.fft.rfft(frames * window).astype(np.complex64)) ** 2.0  # (frames, 201)
    return np.einsum("ft,mf->mt", power.T, _filters(), optimize=True).T


@cache
def _filters() -> np.ndarray:
    """Triangles of equal area on Slaney's mel scale up to 8 kHz: float32 (40, 201)."""
    hertz = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)
    knee = _KNEE / _LINEAR
    mels = np.linspace(0.0, knee + np.log(RATE / 2 / _KNEE) / _LOG_STEP, BANDS + 2)
    edges = np.where(mels < knee, _LINEAR * mels, _KNEE * np.exp(_LOG_STEP * (mels - knee)))
    widths = np.diff(edges)[:, None]
    ramps = np.subtract.outer(edges, hertz)
    sides = np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])
    heights = (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return (np.maximum(0, sides).astype(np.float32) * heights).astype(np.float32)
