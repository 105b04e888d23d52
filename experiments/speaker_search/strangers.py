"""Does a check by voice find other people's clips in a set, and leave the speaker's own alone?

    python -m experiments.speaker_search.strangers

Clips of others are planted in sets of one speaker each, with and without noise 10 dB below the
speech. Printed for each encoder: how well the cosine to the set's main voice tells the two apart
(area under the ROC curve), the highest of the others and the lowest of the speaker's own, and what
the shipped limit makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
import yaml

from experiments.speaker_search.mixing import FOLDERS, SHARED
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.audio_names import audio_files
from xttslab.data.preparing.checks import main_voice
from xttslab.data.preparing.finishing import VOICE_SAMPLES
from xttslab.data.preparing.sources import ASSETS
from xttslab.data.speaker_encoders import ENCODERS, RATE

PLACES = {name: [SHARED / place for place in places] for name, places in FOLDERS.items()}
PLACES |= {
    "broadcast": [SHARED / "broadcast_hu/quiz", SHARED / "broadcast_hu/interview"],
    "tacotron": [SHARED / "hungarian_tacotron"],
    "demo": [ASSETS / "demo_milliomos"],
}
# One speaker each; LJ Speech, the reader and Tacotron's voice are three other people.
SETS = ("quiz", "interview", "broadcast", "ljspeech", "demo")
OTHERS = ("quiz", "ljspeech", "reader", "tacotron", "anna", "demo")
PLANTED = 8  # clips of each other voice
LOWERED = 1.3  # LJ Speech as slow as that is a man


def main() -> None:
    """Print a line for every encoder, set and noise."""
    conf = Path(__file__).parents[2] / "conf" / "prepare.yaml"
    limits = yaml.safe_load(conf.read_text(encoding="utf-8"))["checks"]["min_voice_cosine"]
    for encoder, least in limits.items():
        for snr in (None, 10.0):
            for name in SETS:
                own = embedded(name, encoder, snr)
                others = np.concatenate(planted(name, encoder, snr))
                told(f"{encoder:12} {name:10} {snr or 'clean'!s:6}", own, others, least)


def planted(name: str, encoder: str, snr: float | None) -> list[np.ndarray]:
    """Embeddings of clips of other people than that of the set."""
    same = {"quiz", "interview", "broadcast"} if name in ("interview", "broadcast") else {name}
    found = [embedded(one, encoder, snr)[:PLANTED] for one in OTHERS if one not in same]
    return [*found, embedded("ljspeech", encoder, snr, LOWERED)[:PLANTED]]


def told(label: str, own: np.ndarray, others: np.ndarray, least: float) -> None:
    """Print how the cosines to the main voice tell one from the other."""
    centre = main_voice(np.concatenate([own, others]), least)
    near, far = np.sort(own @ centre), np.sort(others @ centre)
    area = float(np.mean(near[:, None] > far[None]))
    print(
        f"{label} AUC {area:.4f}, own from {near[0]:.2f} (5 %: {np.quantile(near, 0.05):.2f}), "
        f"others to {far[-1]:.2f} (95 %: {np.quantile(far, 0.95):.2f}); at {least}: "
        f"found {np.mean(far < least):.1%} of {len(far)}, "
        f"false {np.mean(near < least):.1%} of {len(near)}",
        flush=True,
    )


@lru_cache
def embedded(name: str, encoder: str, snr: float | None, slower: float = 1.0) -> np.ndarray:
    """Embeddings of the middle of a voice's clips, (clips, size), as the check hears them."""
    random = np.random.default_rng(0)
    found = []
    for path in _paths(name):
        samples = read_audio(path)
        if snr is not None:
            level = np.sqrt(np.mean(np.square(samples))) * 10 ** (-snr / 20)
            noise = level * random.standard_normal(len(samples))
            samples = samples + noise.astype(np.float32)
        middle = max(0, len(samples) - VOICE_SAMPLES) // 2
        part = samples[middle : middle + VOICE_SAMPLES]
        found.append(soxr.resample(part, SAMPLE_RATE / slower, RATE, quality="HQ"))
    return ENCODERS[encoder](found)


def _paths(name: str) -> Sequence[Path]:
    groups = [sorted(audio_files(p)) if p.is_dir() else [p] for p in PLACES[name]]
    return [path for group in groups for path in group]


if __name__ == "__main__":
    main()
