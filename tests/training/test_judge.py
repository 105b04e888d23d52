"""The judge's two losses: whose gradients reach whom, and that it soon learns to tell."""

from __future__ import annotations

import torch

from xttslab.training.judge import Judge

RATE = 24_000


def hum(seed: int) -> torch.Tensor:
    """A buzz in soft noise (2, N)."""
    torch.manual_seed(seed)
    time = torch.arange(RATE // 2) / RATE
    return 0.1 * torch.sign(torch.sin(2 * torch.pi * 150 * time)) + 0.01 * torch.randn(2, len(time))


def test_the_pull_reaches_the_waves_alone_and_the_judging_the_judge_alone() -> None:
    judge, made = Judge(), hum(0).requires_grad_()
    judge.distances(made, hum(1))["pull"].backward()
    assert made.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in judge.parameters())
    made.grad = None
    judge.distances(made, hum(1))["judge"].backward()
    assert made.grad is None
    assert all(parameter.grad.abs().max() > 0 for parameter in judge.parameters())


def test_it_learns_to_tell_noise_from_a_buzz() -> None:
    torch.manual_seed(0)
    judge = Judge()
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3)
    losses = []
    for step in range(25):
        loss = judge.distances(0.1 * torch.randn(2, RATE // 2), hum(step))["judge"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def chords(seed: int, rise: float) -> torch.Tensor:
    """Six tones of any pitch and level (4, N) that come and go six times a second, each by itself
    and within about `rise` seconds."""
    torch.manual_seed(seed)
    time = torch.arange(RATE // 2) / RATE
    tones = torch.sin(2 * torch.pi * (200 + 3000 * torch.rand(4, 6, 1)) * time)
    turn = torch.sin(2 * torch.pi * 6 * (time + torch.rand(4, 6, 1)))
    loudness = torch.exp(1.5 * torch.randn(4, 6, 1)) * (0.02 + (turn / (25 * rise)).sigmoid())
    return 0.02 * (loudness * tones).sum(1) + 0.002 * torch.randn(4, len(time))


def test_it_soon_tells_sounds_that_begin_too_gently_however_they_vary() -> None:
    torch.manual_seed(0)
    judge = Judge()
    optimiser = torch.optim.AdamW(judge.parameters(), 1e-3, betas=(0.8, 0.99))
    losses = []
    for step in range(100):
        loss = judge.distances(chords(1000 + step, 0.02), chords(step, 0.008))["judge"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.42  # 0.5 is chance, and where levels alone lead


def test_silence_has_finite_features_and_gradients() -> None:
    made = torch.zeros(1, 8192, requires_grad=True)
    distances = Judge().distances(made, torch.zeros(1, 8192))
    sum(distances.values()).backward()
    assert torch.isfinite(made.grad).all()
