"""How long a prompt is, and which codes are misheard."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.data.examples import mishear, prompt_frames


@pytest.mark.parametrize(
    ("drawn", "available", "own", "expected"),
    [
        (260, 400, False, 260),  # as drawn
        (259, 400, True, 256),  # in whole codes of four frames
        (260, 200, False, 176),  # all that there is, in half seconds of 44 frames
        (260, 200, True, 88),  # half of that where a clip prompts itself
        (260, 60, True, 28),  # less than half a second is taken as it is
        (260, 3, False, 4),  # and one code at the least
    ],
)
def test_a_prompt_is_as_long_as_its_clip_can_give(
    drawn: int, available: int, own: bool, expected: int
) -> None:
    assert prompt_frames(drawn, available, own) == expected


def test_a_share_of_the_codes_is_misheard_as_others_of_the_clip() -> None:
    codes = np.arange(100, 1100, dtype=np.uint16)
    heard = mishear(codes, 0.2, seed=3)
    assert 150 < (heard != codes).sum() < 250
    assert set(heard.tolist()) <= set(codes.tolist())
    np.testing.assert_array_equal(heard, mishear(codes, 0.2, seed=3))
    assert (mishear(codes, 0.2, seed=4) != heard).any()
