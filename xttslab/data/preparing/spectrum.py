"""Measures noise, hum, bandwidth and sound that is not speech in a clip.

Levels are in dB relative to the speech of the same clip, so they do not depend on its gain.
"""

from __future__ import annotations

import numpy as np

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.voice_activity import FRAME_SECONDS

NOTHING = -99.0  # dB, where there is no noise or no hum at all
_FRAME = int(FRAME_SECONDS * SAMPLE_RATE)
_FFT, _HOP = 4_096, 2_048  # 186 ms: mains harmonics stand 9 bins apart
_WINDOW = np.hanning(_FFT).astype(np.float32)
_BIN = SAMPLE_RATE / _FFT
_LOUD = 10**-2.0  # of the speech's power
_NO_SPEECH = 0.2  # probability of speech below which it is none
_BLOCK = 1 << 18  # samples summed at once: as 64-bit numbers ten minutes would fill 300 MB


def noise_measures(samples: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Measure (n,) samples whose 32 ms frames are speech with `probability` (frames,).

    Returns `snr_db` (speech over what is heard in its pauses), `foreign_share` (loud frames that
    are not speech: music, laughter, applause), `speech_share`, `hum_db` and `bandwidth_hz`.
    """
    power = frame_power(samples, len(probability))
    speech = probability >= 0.5
    level = float(power[speech].mean()) if speech.any() else float(power.mean())
    loud = power > level * _LOUD
    foreign = foreign_frames(probability, power, level)
    spectra = _spectra(samples)
    return {
        "snr_db": _snr(power, probability, level),
        "foreign_share": float(foreign.sum() / max(loud.sum(), 1)),
        "speech_share": float(speech.mean()) if len(speech) else 0.0,
        "hum_db": _hum(spectra, level),
        "bandwidth_hz": _bandwidth(spectra),
    }


def foreign_frames(probability: np.ndarray, power: np.ndarray, level: float) -> np.ndarray:
    """Which 32 ms frames are loud and no speech (music, laughter, applause), (frames,) bool.

    `probability` and `power` (frames,) are those of each, `level` is the speech's mean power.
    """
    return (probability < _NO_SPEECH) & (power > level * _LOUD)


def frame_power(samples: np.ndarray, frames: int) -> np.ndarray:
    """Mean square of each VAD frame, (frames,); the grid follows 32 ms exactly."""
    edges = (np.arange(frames + 1) * FRAME_SECONDS * SAMPLE_RATE).astype(int)
    edges = np.minimum(edges, len(samples))
    return np.diff(_energy_before(samples, edges)) / np.maximum(np.diff(edges), 1)


def _energy_before(samples: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sum of the squares of all (n,) samples before each of the rising `edges`, (edges,); block by
    block, in the same order of additions and so with the same bits as in one go."""
    found = np.zeros(len(edges))
    carried = 0.0
    for start in range(0, len(samples), _BLOCK):
        squares = np.square(samples[start : start + _BLOCK], dtype=np.float64)
        sums = np.cumsum(np.concatenate(([carried], squares)))
        inside = slice(*np.searchsorted(edges, (start, start + len(squares)), side="right"))
        found[inside] = sums[edges[inside] - start]
        carried = sums[-1]
    return found


def _snr(power: np.ndarray, probability: np.ndarray, level: float) -> float:
    """Speech over noise in dB. The noise is the louder of two: what is heard where nobody speaks,
    and the quietest twentieth of the frames from the first speech to the last."""
    if not len(power):
        return 0.0
    heard = np.flatnonzero(probability >= 0.5)
    inside = power[heard[0] : heard[-1] + 1] if len(heard) else power
    pause = power[probability < 0.1]
    noise = float(np.quantile(inside, 0.05))
    if len(pause) >= 5:
        noise = max(noise, float(np.median(pause)))
    if noise <= level * 1e-8:
        return 80.0
    return float(10 * np.log10(max(level - noise, noise * 1e-2) / noise))


def _spectra(samples: np.ndarray) -> np.ndarray:
    """Power spectra over time, (frames, 2049)."""
    padded = np.pad(samples, (0, max(0, _FFT - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    scale = 2.0 / float(np.square(_WINDOW).sum()) / _FFT
    return np.square(np.abs(np.fft.rfft(windows * _WINDOW, axis=1))) * scale


def _hum(spectra: np.ndarray, level: float) -> float:
    """Level of mains hum in dB relative to the speech; `NOTHING` where no line stands out.

    Hum is there all the time, a voice is not: so the quietest fifth of the frames is looked at,
    for lines 10 dB above their surroundings at 50 or 60 Hz and their harmonics.
    """
    steady = np.quantile(spectra, 0.2, axis=0)
    best = NOTHING
    for mains in (50.0, 60.0):
        lines = [_line(steady, mains * n) for n in (1, 2, 3, 4)]
        standing = [power for power, prominence in lines if prominence > 10.0]
        if len(standing) >= 2:
            best = max(best, 10 * np.log10(sum(standing) / max(level, 1e-12) + 1e-12))
    return float(best)


def _line(steady: np.ndarray, hertz: float) -> tuple[float, float]:
    """(power, prominence in dB) of one spectral line."""
    centre = round(hertz / _BIN)
    near = steady[centre - 1 : centre + 2]
    around = np.concatenate(
        (steady[max(centre - 5, 0) : centre - 2], steady[centre + 3 : centre + 6])
    )
    prominence = 10 * np.log10(near.max() / max(float(np.median(around)), 1e-15) + 1e-9)
    return float(near.sum()), float(prominence)


def _bandwidth(spectra: np.ndarray) -> float:
    """Highest frequency in Hz that carries sound: where the loud frames' spectrum, in steps of
    250 Hz, last lies within 65 dB of its peak."""
    power = spectra.sum(axis=1)
    loud = spectra[power >= np.quantile(power, 0.5)].mean(axis=0)
    step = round(250.0 / _BIN)
    bands = loud[: len(loud) // step * step].reshape(-1, step).mean(axis=1)
    heard = np.flatnonzero(bands > bands.max() * 10**-6.5)
    return float((heard[-1] + 1) * step * _BIN) if len(heard) else 0.0
