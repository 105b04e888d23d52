"""Made-up sound at 16 kHz, the shipped settings, and demo recordings for every evaluation test."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import CONF
from xttslab.data.audio import read_audio
from xttslab.data.manifest import read_folder
from xttslab.evaluation.clips import RATE, SpokenClip
from xttslab.evaluation.recognition import Heard, Recogniser, Word
from xttslab.evaluation.settings import Scoring

TEXTS = ("Nagyszerű teljesítmény!", "Ez egy nagyon nehéz kérdés.", "Jó estét kívánok!")
DEMO = CONF.parent / "xttslab" / "assets" / "demo" / "demo_milliomos"


def tone(seconds: float, hertz: float = 120.0, level: float = 0.2) -> np.ndarray:
    """A buzz of 20 harmonics, float32 (n,): voiced and steady."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.cos(2 * np.pi * hertz * n * time) / n for n in range(1, 21))
    return (level * wave / np.abs(wave).max()).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    """Zeros, float32 (n,)."""
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def embed(audios: list[np.ndarray]) -> np.ndarray:
    """A direction in the plane by the clip's loudness: louder clips are other speakers."""
    angles = [np.abs(a).max() if np.any(a) else np.nan for a in audios]
    table = np.zeros((len(audios), 256), dtype=np.float32)
    table[:, 0], table[:, 1] = np.cos(angles), np.sin(angles)
    return table


class Repeater(Recogniser):
    """Hears the n-th text, without its last word in every second clip."""

    def transcribe(self, audios, on_done=None):
        heard = []
        for number, audio in enumerate(audios):
            words = TEXTS[number % len(TEXTS)].split() if np.any(audio) else []
            words = words[:-1] if number % 2 else words
            heard.append(
                Heard(tuple(Word(f" {w}", i / 4, (i + 1) / 4) for i, w in enumerate(words)))
            )
        return heard


@lru_cache(maxsize=1)
def demo_clips() -> tuple[SpokenClip, ...]:
    """The demo quiz show: 80 clips of one synthetic voice in seven categories, at 16 kHz."""
    found, _ = read_folder(DEMO)
    return tuple(
        SpokenClip(clip.audio.stem, read_audio(clip.audio, RATE), RATE, clip.text, clip.category)
        for clip in found
    )


@pytest.fixture(scope="session")
def scoring() -> Scoring:
    """What conf/evaluation/default.yaml gives."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose("evaluation/default").evaluation.scoring)


@pytest.fixture(scope="session")
def demo() -> tuple[SpokenClip, ...]:
    return demo_clips()
