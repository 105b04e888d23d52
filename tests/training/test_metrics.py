"""Sums of clips become means over tokens, and what the right text helps."""

from __future__ import annotations

import math

import pytest
import torch

from xttslab.model.gpt import ClipLosses
from xttslab.training.metrics import GradientLog, LossMeter, Selection, text_gain_metrics


def sums(code: list[float], stops: list[float]) -> torch.Tensor:
    """A table of clips with these nats over 10 codes and 4 stops each, text aside."""
    meter = LossMeter(len(code), torch.device("cpu"))
    clips = len(code)
    parts = {"text": 0, "text_tokens": 5, "code_tokens": 10, "stop_tokens": 4}
    parts |= {"end": 0, "end_tokens": 1}
    columns = {name: torch.full((clips,), float(value)) for name, value in parts.items()}
    losses = ClipLosses(code=torch.tensor(code), stops=torch.tensor(stops), **columns)
    meter.add(torch.arange(clips), losses)
    return meter.reduced()


def test_reading_is_what_another_text_costs_more_a_token() -> None:
    right, other = (
        sums([30.0, 99.0, 26.0], [2.0, 9.0, 0.0]),
        sums([41.0, 99.0, 39.0], [3.0, 9.0, 1]),
    )
    found = text_gain_metrics(right, other, [0, 2])
    assert found == {
        "eval/mel_ce_other_text": pytest.approx((41 + 3 + 39 + 1) / 28),
        "eval/text_gain": pytest.approx((12 + 14) / 28),
    }


def test_reading_is_not_measured_without_another_text() -> None:
    assert text_gain_metrics(sums([30.0], [2.0]), torch.zeros(1, 8), []) == {}


def test_gradients_are_noted_of_updates_that_took_place() -> None:
    log = GradientLog()
    for norm in (torch.inf, 0.5, 1.5, 2.5):  # a scaler starts too high, and leaves that update out
        log.add({"": torch.tensor(norm)}, 1.0)
    assert log.epoch_means() == {"grad_norm": 1.5, "grad_clipped": pytest.approx(2 / 3)}
    log.add({"": torch.tensor(torch.inf)}, 1.0)
    assert log.epoch_means() == {}
    assert log.epoch_means() == {}


def test_parts_of_a_model_have_norms_of_their_own() -> None:
    log = GradientLog()
    assert (log.updates, log.last) == (0, None)
    for decoder, discriminator in ((0.5, 4.0), (3.5, 0.5)):
        log.add({"": torch.tensor(decoder), "discriminator": torch.tensor(discriminator)}, 1.0)
    assert (log.updates, log.last.item()) == (2, 4.0)
    assert log.epoch_means() == {
        "grad_norm": 2.0,
        "grad_clipped": 0.5,
        "grad_norm_discriminator": 2.25,
        "grad_clipped_discriminator": 0.5,
    }
    assert log.updates == 0


CHOICE = Selection("eval/mel_ce", "score/overall", 0.1)


def test_a_better_voice_may_outweigh_a_higher_loss() -> None:
    worse_loss = CHOICE.value({"eval/mel_ce": 4.2}, {"score/overall": 7.0})
    better_loss = CHOICE.value({"eval/mel_ce": 4.0}, {"score/overall": 4.0})
    assert worse_loss == pytest.approx(3.5)
    assert better_loss == pytest.approx(3.6)


def test_a_score_that_was_not_measured_leaves_the_loss_alone() -> None:
    assert CHOICE.value({"eval/mel_ce": 4.2}, {"score/smoothness": 7.0}) == 4.2


def test_without_a_loss_nothing_is_chosen() -> None:
    assert math.isnan(CHOICE.value({}, {"score/overall": 7.0}))
