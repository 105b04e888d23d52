from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.smoothness import (
    SECONDS_PER_CODE,
    Defects,
    defects_per_second,
    find_defects,
    repeated_seconds,
    stuck_seconds,
)
from xttslab.evaluation.spoken_clips import SpokenClip


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


NONE = Defects(0, 0, 0, 0, 0, 0, 0, 0)


def ending(audio: np.ndarray) -> np.ndarray:
    """The sound with a soft beginning and end and a pause around it."""
    fade = np.ones(len(audio), np.float32)
    fade[:1600] = np.linspace(0, 1, 1600)
    fade[-1600:] = np.linspace(1, 0, 1600)
    return np.concatenate([silence(0.1), audio * fade, silence(0.1)])


def test_a_clean_buzz_has_no_defect() -> None:
    assert find_defects(ending(tone(1.0))) == NONE


def test_one_click_is_one_click() -> None:
    audio = ending(tone(1.0))
    audio[9000] += 0.5
    assert find_defects(audio).clicks == pytest.approx(1.0)


def test_one_hole_is_one_dropout_and_a_soft_pause_is_none() -> None:
    audio = ending(tone(1.0))
    holed = audio.copy()
    holed[8000:8800] = 0
    soft = np.concatenate([ending(tone(0.5)), ending(tone(0.5))])
    assert find_defects(holed).dropouts == 1
    assert find_defects(soft).dropouts == 0


def test_a_recording_that_ends_in_a_sound_is_cut_off() -> None:
    assert find_defects(ending(tone(1.0))[:9000]).cut_off == 1


def test_sound_after_the_last_word_is_babble() -> None:
    audio = np.concatenate([ending(tone(1.0)), ending(tone(0.6))])
    assert find_defects(audio, speech_end=1.1).babble_s == pytest.approx(0.6, abs=0.1)
    assert find_defects(audio).babble_s == 0


def test_codes_that_loop_are_stuck_only_where_something_sounds() -> None:
    audio = ending(tone(1.0))
    assert find_defects(audio, codes=[9] * 26).stuck_s == pytest.approx(1.0, abs=0.1)
    assert find_defects(audio, codes=list(range(26))).stuck_s == 0


def test_the_rate_weighs_every_kind(scoring: Scoring) -> None:
    two_clicks = replace(NONE, clicks=2.0, babble_s=0.5)
    assert defects_per_second(two_clicks, 4.0, scoring.defects) == pytest.approx(
        (2 * 1.0 + 0.5 * 5.0) / 4
    )


def test_demo_speech_has_few_defects(demo: tuple[SpokenClip, ...], scoring: Scoring) -> None:
    rates = [
        defects_per_second(find_defects(clip.audio), clip.seconds, scoring.defects)
        for clip in demo[:6]
    ]
    assert np.mean(rates) < 1.0
