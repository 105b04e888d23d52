"""Noise reduction is off unless asked for, and then its effect is measured."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE
from xttslab.data.preparing.denoising import Denoising
from xttslab.errors import UserError


def test_off_returns_the_same_samples(spoken: list[np.ndarray]) -> None:
    assert Denoising(0.0).clean(spoken[0]) is spoken[0]
    assert Denoising(0.0).changes == []


def test_steady_noise_gets_less_and_both_numbers_are_kept(spoken: list[np.ndarray]) -> None:
    pytest.importorskip("noisereduce", reason="noisereduce is not installed")
    random = np.random.default_rng(0)
    pause = np.zeros(11_025, np.float32)
    clip = np.concatenate([pause, spoken[0], pause])
    noisy = clip + 0.005 * random.standard_normal(len(clip)).astype(np.float32)
    recipe = replace(RECIPE, denoising=Denoising(0.9))
    finished = recipe.finish(recipe.passage(noisy))
    assert finished.measures["snr_db"] > finished.measures["snr_before_db"] + 6
    assert ("noise reduced", "90%") in finished.changes
    assert finished.samples.dtype == np.float32
    plain = RECIPE.finish(RECIPE.passage(noisy))
    assert "snr_before_db" not in plain.measures


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noisereduce", None)
    with pytest.raises(UserError, match="pip install noisereduce"):
        Denoising(0.5).clean(np.zeros(100, np.float32))
