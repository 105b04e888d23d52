"""Made-up sound at 16 kHz, the shipped settings, and demo recordings for every evaluation test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.conftest import CONF, TINY_MODEL, make_clips
from xttslab.data.audio import read_audio
from xttslab.data.manifest import read_folder
from xttslab.evaluation import measuring, speaker_similarity
from xttslab.evaluation.recognition import Recognised, Recogniser, Word
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE, SpokenClip
from xttslab.evaluation.subject import Subject, subject_of_base

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


def natural(audios: list[np.ndarray], on_done: object = None) -> np.ndarray:
    """An opinion that rises with the loudness."""
    return np.array([3.0 + audio.max() for audio in audios])


def patch_predictors(patch: pytest.MonkeyPatch) -> None:
    """Predictors that need no package and no time."""
    for measure in speaker_similarity.ENCODERS:
        patch.setitem(speaker_similarity.ENCODERS, measure, embed)
    patch.setattr(measuring, "predict_distillmos", natural)


class Repeater(Recogniser):
    """Hears the n-th text, without its last word in every second clip."""

    def transcribe(self, audios, on_done=None):
        heard = []
        for number, audio in enumerate(audios):
            words = TEXTS[number % len(TEXTS)].split() if np.any(audio) else []
            words = words[:-1] if number % 2 else words
            heard.append(
                Recognised(tuple(Word(f" {w}", i / 4, (i + 1) / 4) for i, w in enumerate(words)))
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


__all__ = ["scoring"]


@pytest.fixture(scope="session")
def model() -> dict[str, Any]:
    """The tiny model's resolved `conf/model`."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", ["dataset=milliomos", *TINY_MODEL])
    return OmegaConf.to_container(config.model, resolve=True)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A prepared set with two categories, as a resolved `conf/dataset`."""
    folder = tmp_path_factory.mktemp("data") / "quiz"
    make_clips(folder, "quiz", ["greeting", "tension"])
    return {"name": "quiz", "language": "hu", "sources": {"quiz": str(folder)}}


@pytest.fixture(scope="session")
def subject(model: dict[str, Any], dataset: dict[str, Any]) -> Subject:
    return subject_of_base(model, "random", dataset)


@pytest.fixture(scope="module")
def quick_scoring(scoring: Scoring) -> Iterator[Scoring]:
    """Scoring that needs no predictor and no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch_predictors(patch)
        yield replace(scoring, recogniser=Repeater(), bootstrap=50)


@pytest.fixture
def configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose: Callable[..., Any]
) -> Callable[..., Any]:
    """The configuration of `xttslab.evaluate` in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    return partial(compose, name="evaluate")
