"""Plants copies of recordings in a second set, and counts how many are found and what is not one.

    python -m experiments.copies.planted

Reads the demo's recordings, and those of ../shared/data where it exists. Every recording is planted
as each kind of copy; all of them, cut in three and unchanged, must have no pair among each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
import yaml

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.audio_names import audio_files
from xttslab.data.copies import peaks, same_audio
from xttslab.data.preparing.sources import ASSETS

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
LEAST = float(yaml.safe_load((ROOT / "conf/copies/default.yaml").read_text())["min_agreement"])
# Systems that speak the same sentences after the same voice are no different recordings.
ALIKE = ("xtts_zero_shot",)


def resampled(wave: np.ndarray, rate: int) -> np.ndarray:
    return soxr.resample(soxr.resample(wave, SAMPLE_RATE, rate), rate, SAMPLE_RATE)


def noisy(wave: np.ndarray, snr_db: float) -> np.ndarray:
    noise = np.random.default_rng(len(wave)).standard_normal(len(wave)).astype(np.float32)
    return wave + noise * np.float32(np.sqrt(np.mean(wave**2)) * 10 ** (-snr_db / 20))


def halves(wave: np.ndarray) -> list[np.ndarray]:
    return [wave[: len(wave) // 2], wave[len(wave) // 2 :]]


def shifted(wave: np.ndarray) -> np.ndarray:
    """0.2 s less at the start, and 0.137 s of silence before it."""
    silence = np.zeros(round(0.137 * SAMPLE_RATE), np.float32)
    return np.concatenate([silence, wave[round(0.2 * SAMPLE_RATE) :]])


KINDS: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {
    "shifted": lambda wave: [shifted(wave)],
    "20 dB quieter": lambda wave: [0.1 * wave],
    "resampled at 16 kHz": lambda wave: [resampled(wave, 16_000)],
    "resampled at 8 kHz": lambda wave: [resampled(wave, 8_000)],
    "cut in two": halves,
    "cut in two, quieter, at 16 kHz, shifted": lambda wave: [
        0.2 * resampled(half, 16_000)[700:] for half in halves(wave)
    ],
    "shifted, noise at 20 dB": lambda wave: [noisy(shifted(wave), 20.0)],
}


def recordings() -> Iterator[Path]:
    yield from sorted(audio_files(ASSETS))
    if SHARED.is_dir():
        yield from (p for p in sorted(audio_files(SHARED)) if p.parent.name not in ALIKE)


def main() -> None:
    waves = [read_audio(path) for path in recordings()]
    originals = [peaks(wave) for wave in waves]
    print(f"{len(waves)} recordings, {sum(map(len, waves)) / SAMPLE_RATE / 60:.1f} min")
    for kind, made in KINDS.items():
        planted = [(row, peaks(copy)) for row, wave in enumerate(waves) for copy in made(wave)]
        pairs = same_audio([*originals, *(copy for _, copy in planted)], LEAST)
        across = [
            (pair.first, planted[pair.second - len(waves)][0])
            for pair in pairs
            if pair.first < len(waves) <= pair.second
        ]
        right = sum(first == row for first, row in across)
        print(
            f"{kind:42} {right}/{len(planted)} = {right / len(planted):.1%} found, "
            f"{len(across) - right} false of {len(waves) * len(planted)} pairs"
        )
    thirds = [part for wave in waves for part in cut(wave, 3)][:1000]
    start = time.perf_counter()
    pairs = same_audio([peaks(part) for part in thirds], LEAST)
    count = len(thirds)
    print(f"{count} different clips: {len(pairs)} false pairs of {count * (count - 1) // 2}")
    print(f"in {time.perf_counter() - start:.1f} s")


def cut(wave: np.ndarray, parts: int) -> list[np.ndarray]:
    """So many parts of one length, which have no sample in common."""
    edges = np.linspace(0, len(wave), parts + 1).astype(int)
    return [wave[a:b] for a, b in pairwise(edges)]


if __name__ == "__main__":
    main()
