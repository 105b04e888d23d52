"""A voice at 16 kHz in, the 40 mel bands that Resemblyzer's encoder reads out.

The same bits as `resemblyzer.wav_to_mel_spectrogram`, without librosa, whose import takes 136 MB
(numba, scikit-learn) in every process that embeds a voice.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from xttslab.evaluation.clips import RATE

BANDS = 40
_WINDOW, _HOP = 400, 160  # 25 and 10 ms
_LINEAR, _KNEE = 200 / 3, 1000.0  # hertz a mel below the knee (Slaney's Auditory Toolbox, 1998) …
_LOG_STEP = np.log(6.4) / 27.0  # … and log of the ratio a mel above it


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
