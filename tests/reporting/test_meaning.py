"""Losses in plain words."""

from __future__ import annotations

import math

import pytest

from xttslab.reporting.meaning import Meaning, beside


def test_a_loss_below_guessing_is_as_unsure_as_among_so_many() -> None:
    assert Meaning("eval/mel_ce", math.log(100), 1026, None, None).sentence == (
        "As unsure as between 100.0 of 1026 audio codes: 2.328 nats (34%) better than guessing."
    )


def test_a_loss_above_guessing_is_not_unsure_between_more_codes_than_there_are() -> None:
    assert Meaning("eval/mel_ce", math.log(1026) + 0.7, 1026, None, None).sentence == (
        "More unsure than among all 1026 audio codes: 0.700 nats (10%) worse than guessing."
    )


@pytest.mark.parametrize(
    ("value", "limit", "digits", "shown"),
    [
        (6.96, 7.0, 1, "6.96"),  # 7.0 would not be below 7
        (6.9, 7.0, 1, "6.9"),
        (7.0, 7.0, 1, "7.0"),
        (7.04, 7.0, 1, "7.04"),
        (29.9996, 30.0, 1, "29.9996"),
        (1e-9, 0.0, 4, "0.000000001"),
    ],
)
def test_a_number_stays_on_its_side_of_the_limit_beside_it(value, limit, digits, shown) -> None:
    assert beside(value, limit, digits) == shown
