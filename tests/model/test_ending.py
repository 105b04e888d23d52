"""Babble behind the end of a sentence is cut; pauses inside it are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xttslab.model.ending import KEPT_CODES, finished_at, sounding_until
from xttslab.model.sampling import Generated

CODE = 1115  # samples


def sound(*parts: tuple[int, float]) -> np.ndarray:
    """Noise of so many codes at each level."""
    random = np.random.default_rng(0)
    return np.concatenate([level * random.normal(size=codes * CODE) for codes, level in parts])


def chances(codes: int, **at: float) -> np.ndarray:
    """No chance to stop but at the codes named `c12`."""
    made = np.zeros(codes)
    for name, chance in at.items():
        made[int(name[1:])] = chance
    return made


@pytest.mark.parametrize(
    ("chances", "ended", "expected"),
    [
        ([0.0, 0.1, 0.9, 0.0, 0.6], True, 2),  # sampling passed over a sure stop
        ([0.0, 0.1, 0.2, 0.0, 0.4], True, 4),  # nothing was sure: as generated
        ([0.0, 0.1, 0.4, 0.0], False, 2),  # cut off by the limit: the likeliest end
        ([0.0, 0.0, 0.01, 0.0], False, 4),  # cut off, and no end in sight
    ],
)
def test_finished_at(chances: list[float], ended: bool, expected: int) -> None:
    codes = torch.zeros(len(chances) - ended)
    spoken = Generated(codes, torch.zeros(len(chances), 1), torch.tensor(chances), ended)
    assert finished_at(spoken) == expected


def test_silence_behind_the_last_sound_is_cut() -> None:
    wave = sound((20, 0.1), (15, 1e-5))
    assert sounding_until(wave, chances(35)) == (20 + KEPT_CODES) * CODE


def test_babble_behind_a_pause_with_a_thinkable_stop_is_cut() -> None:
    wave = sound((20, 0.1), (10, 1e-5), (5, 0.1))
    assert sounding_until(wave, chances(35, c22=0.06)) == (20 + KEPT_CODES) * CODE


@pytest.mark.parametrize(
    ("pause", "stop"),
    [(10, {"c22": 0.04}), (4, {"c22": 0.4}), (10, {"c12": 0.4})],
    ids=["stopping was unthinkable", "the pause is a comma's", "the chance was not in the pause"],
)
def test_a_sentence_goes_on_after_a_pause(pause: int, stop: dict[str, float]) -> None:
    wave = sound((20, 0.1), (pause, 1e-5), (5, 0.1))
    codes = 25 + pause
    assert sounding_until(wave, chances(codes, **stop)) == codes * CODE


def test_a_mute_sentence_stays_as_it_is() -> None:
    assert sounding_until(np.zeros(5 * CODE), chances(5)) == 5 * CODE
