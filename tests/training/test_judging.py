"""The judges: they learn to tell sounds apart, and pull without learning from it."""

from __future__ import annotations

import math

import pytest
import torch

from xttslab.training.judging import FEATURE_WEIGHT, Judges, balanced

SAMPLES = 6000


@pytest.fixture
def judges() -> Judges:
    torch.manual_seed(0)
    return Judges(width=4)


def tones() -> torch.Tensor:
    pitches = 150 + 400 * torch.rand(4, 1)
    return 0.3 * torch.sin(2 * math.pi * pitches * torch.arange(SAMPLES) / 24_000)


def noise() -> torch.Tensor:
    return 0.1 * torch.randn(4, SAMPLES)


def test_what_sounds_the_same_cannot_be_told_apart(judges: Judges) -> None:
    wave = noise()
    assert judges.misjudged(wave, wave).item() == pytest.approx(2.0, abs=1e-4)


def test_judges_learn_to_tell_tones_from_noise(judges: Judges) -> None:
    optimizer = torch.optim.AdamW(judges.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        judges.misjudged(noise(), tones()).backward()
        optimizer.step()
    with torch.no_grad():
        assert judges.misjudged(noise(), tones()).item() < 0.5
        assert judges.misjudged(tones(), noise()).item() > 2.5
        assert judges.detected(noise(), tones()) > judges.detected(tones(), tones()) + 1


def test_the_pull_reaches_the_made_wave_and_not_the_judges(judges: Judges) -> None:
    made = noise().requires_grad_()
    judges.detected(made, tones()).backward()
    assert made.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judges.parameters())


def test_features_of_the_same_sound_cost_nothing(judges: Judges) -> None:
    wave, other = noise(), tones()
    with torch.no_grad():
        said = torch.stack([judge(wave)[-1].mean() for judge in judges.judges]).mean()
        assert judges.detected(wave, wave).item() == pytest.approx(-said.item(), abs=1e-5)
        assert judges.detected(wave, other).item() > -said.item() + 0.1 * FEATURE_WEIGHT


def test_judging_leaves_the_made_wave_no_gradient_of_the_judges_own_loss(judges: Judges) -> None:
    made = noise().requires_grad_()
    judges.misjudged(made, tones()).backward()
    assert made.grad is None
    assert all(parameter.grad is not None for parameter in judges.parameters())


def test_weights_say_how_strongly_each_loss_pulls() -> None:
    made = torch.tensor([3.0, 4.0], requires_grad=True)
    first, second = 0.5 * made.pow(2).sum(), 1000 * made[0]
    total = balanced(made, (first, 1.0), (second, 0.4))
    assert total.item() == pytest.approx(12.5)
    total.backward()
    # The first pulls by (3, 4), of length 5; the second along the first axis by 0.4 × 5.
    torch.testing.assert_close(made.grad, torch.tensor([5.0, 4.0]))


def test_a_loss_without_gradient_pulls_nowhere() -> None:
    made = torch.tensor([1.0, 2.0], requires_grad=True)
    balanced(made, (made.sum(), 1.0), (0 * made.sum(), 1.0)).backward()
    torch.testing.assert_close(made.grad, torch.ones(2))
