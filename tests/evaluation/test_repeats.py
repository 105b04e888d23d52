import numpy as np
import pytest

from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.repeats import SECONDS_PER_CODE, repeated_seconds, stuck_seconds


def test_a_syllable_said_twice_more_is_counted_in_seconds(demo: tuple[SpokenClip, ...]) -> None:
    audio = demo[2].audio
    at, length = len(audio) // 2, 2400
    stutter = np.concatenate([audio[: at + length], audio[at : at + length], audio[at:]])
    assert repeated_seconds(audio) <= 0.1
    assert repeated_seconds(stutter) >= 0.15


@pytest.mark.parametrize(
    ("codes", "stuck"),
    [
        ([1, 2, 3, 4, 5, 6], 0),
        ([7, 7, 7, 1], 0),
        ([1, 7, 7, 7, 7, 7, 2], 4),
        ([1, 2, 1, 2, 9], 0),
        ([5, 1, 2, 1, 2, 1, 2, 9], 4),
        ([], 0),
    ],
)
def test_loops_of_codes_count_after_their_first_time(codes: list[int], stuck: int) -> None:
    assert stuck_seconds(codes) == pytest.approx(stuck * SECONDS_PER_CODE)


def test_the_code_of_silence_may_repeat() -> None:
    codes = [83] * 10 + [5] * 10
    sounding = np.zeros(93, dtype=bool)
    sounding[47:] = True
    assert stuck_seconds(codes) == pytest.approx(18 * SECONDS_PER_CODE)
    assert stuck_seconds(codes, sounding) == pytest.approx(9 * SECONDS_PER_CODE)
