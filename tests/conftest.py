"""A small made-up data set and a tiny model: every test trains the real code, on nothing real."""

from __future__ import annotations

import copy
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Tiny models are fastest on one thread, and `pytest -n auto` gives every core a worker.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from tests import processes, strict_files
from xttslab.data.audio import SAMPLE_RATE, content_hash, write_audio
from xttslab.data.manifest import Clip, assign_split, write_metadata

strict_files.install()
processes.share_imports()

if TYPE_CHECKING:
    from xttslab.model.sampling import Sampling

CONF = Path(__file__).parents[1] / "conf"
WORDS = "alma béka cica dió egér fa gólya hal ikra jég kút lámpa makk nyár óra pók rím só".split()
TINY_MODEL = [
    "model=xtts_mini",
    "weights=random",
    "model.architecture.layers=1",
    "model.architecture.model_dim=64",
    "model.architecture.heads=1",
    "model.architecture.max_text_tokens=60",
    "model.architecture.max_mel_tokens=80",
    "model.architecture.num_audio_tokens=66",
    "model.architecture.start_audio_token=64",
    "model.architecture.stop_audio_token=65",
    "model.codec={hidden: 16, codebook_dim: 8, codes: 64, blocks: 1}",
    "model.decoder.sizes={latent_dim: 64, width: 32, blocks: 1, speaker_dim: 16}",
]
QUICK = [
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "trainer.max_epochs=2",
    "optim.lr=1e-3",
    "scheduler.warmup_steps=0",
    "samples.every_n_epochs=0",
    "samples.score_every_n_epochs=0",
    "batch.prompt_seconds=[0.4,0.8]",
    "batch.train_eval_clips=4",
]


def sampling(**changes: Any) -> Sampling:
    """The rules of conf/sampling/, with changes."""
    from omegaconf import OmegaConf

    from xttslab.model.sampling import Sampling

    return Sampling(**{**OmegaConf.load(CONF / "sampling/default.yaml"), **changes})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of what only POSIX systems have are left out on Windows."""
    if sys.platform == "win32":
        for item in items:
            if "posix" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs a POSIX system"))


@pytest.fixture(autouse=True)
def windows_rules() -> Iterator[None]:
    """Nothing is done to an open file that Windows would refuse (see tests/strict_files.py)."""
    yield
    refused = strict_files.taken()
    assert not refused, "Windows would refuse: " + "; ".join(refused)


@pytest.fixture(autouse=True)
def quick_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the same processor everywhere, one that is quick in bfloat16, and multiply nothing
    large in it (see tests/bfloat16.py)."""
    if "torch" in sys.modules:  # tests of light modules need not import it
        from tests import bfloat16

        bfloat16.install()
    if placing := sys.modules.get("xttslab.model.voice"):
        monkeypatch.setattr(placing, "bfloat16_slowdown", lambda: 1.0)


def spoken(seconds: float, pitch: float, seed: int) -> np.ndarray:
    """A buzz that changes its vowel every tenth of a second: sound with structure, no voice."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    envelope = np.repeat(random.uniform(0.2, 1.0, (8, len(time) // 2205 + 1)), 2205, axis=1)
    harmonics = [np.sin(2 * np.pi * pitch * (n + 1) * time) / (n + 1) for n in range(8)]
    wave = sum(e[: len(time)] * h for e, h in zip(envelope, harmonics, strict=True))
    return (0.2 * wave).astype(np.float32)


def make_clips(folder: Path, source: str, categories: Sequence[str], each: int = 5) -> list[Clip]:
    """Write `each` clips a category with their metadata and split; returns them."""
    clips = []
    first = 0 if source == "milliomos" else 10  # no set says what another says
    for number, category in enumerate(np.repeat(list(categories), each).tolist()):
        audio = folder / "wavs" / f"{number:03d}.wav"
        what = number + first
        write_audio(audio, spoken(1.0 + 0.1 * (number % 5), 100 + 20 * (number % 7) + first, what))
        text = " ".join(WORDS[(what + k) % len(WORDS)] for k in range(3)).capitalize() + "."
        clips.append(Clip(audio, text, "beszélő", category, False, "hu", "", source))
    placed = assign_split(clips, [content_hash(clip.audio) for clip in clips], 0.1)
    write_metadata(folder / "metadata.csv", placed)
    return placed


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database; making one takes seconds, copying it none."""
    from filelock import FileLock
    from mlflow import MlflowClient

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers of this session
    path = folder / "store" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    with FileLock(folder / "store.lock"):
        if not (path.parent / "whole").is_file():
            MlflowClient(f"sqlite:///{path}").search_experiments()
            (path.parent / "whole").touch()
    return path


def furnish(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `folder` the current one, with two small data sets under data/, as `prepare` makes
    them, and a copy of the store."""
    (folder / "mlruns").mkdir()
    shutil.copy(store, folder / "mlruns/mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("XTTSLAB_RUN_NAME", raising=False)
    make_clips(folder / "data/milliomos", "milliomos", ["greeting", "tension"])
    make_clips(folder / "data/blikk", "blikk", ["neutral"])


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path) -> Path:
    """A folder of its own for one test."""
    furnish(tmp_path, empty_store, monkeypatch)
    return tmp_path


@pytest.fixture(scope="session")
def compose() -> Callable[..., object]:
    """Compose the training configuration as the entry point does; every call gets its own copy.

    Composing takes .2 s of the processor, and tests do it hundreds of times: what is chosen of
    groups is composed once, and values are set in a copy as Hydra sets them.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    def composed(*overrides: str, name: str = "train") -> object:
        values = [override for override in overrides if _sets_a_value(override)]
        others = tuple(override for override in overrides if override not in values)
        config = copy.deepcopy(_composed(name, others))
        ConfigLoaderImpl._apply_overrides_to_config([_parsed(value) for value in values], config)
        return config

    return composed


def _sets_a_value(override: str) -> bool:
    """Whether an override sets a value, where others choose a file of a group, add or delete."""
    key = override.partition("=")[0]
    return key.replace(".", "").isidentifier() and not (
        key.startswith("hydra.") or (CONF / key).is_dir()
    )


@cache
def _parsed(override: str) -> object:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(override)


@cache
def _composed(name: str, overrides: tuple[str, ...]) -> object:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra_compose(name, list(overrides))


@pytest.fixture(scope="session")
def tiny(compose: Callable[..., object]) -> Callable[..., object]:
    """A configuration of the tiny model on the milliomos set, with further overrides."""
    return lambda *more: compose("dataset=milliomos", *TINY_MODEL, *QUICK, *more)
