"""How long a prompt is."""

from __future__ import annotations

import pytest

from xttslab.data.examples import prompt_frames


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
