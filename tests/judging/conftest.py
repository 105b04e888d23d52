"""A tiny untrained voice with a small made-up data set, and predictors that are made up too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import CONF, TINY_MODEL, make_clips
from tests.evaluation.conftest import Repeater, embed, scoring
from xttslab.evaluation import measuring
from xttslab.evaluation import scoring as scoring_module
from xttslab.evaluation.settings import Scoring
from xttslab.judging.subject import Subject, subject_of_base

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
        patch.setattr(measuring, "embed", embed)
        patch.setattr(scoring_module, "embed", embed)
        patch.setattr(measuring, "predict_distillmos", lambda a: np.array([3.0 + a[0].max()]))
        patch.setattr(measuring, "predict_dnsmos", lambda a: np.array([3.0]))
        yield replace(scoring, recogniser=Repeater(), bootstrap=50)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The configuration of `xttslab.evaluate` in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def composed(*overrides: str) -> Any:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("evaluate", list(overrides))

    return composed
