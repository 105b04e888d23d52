"""What is found in takes with a failure, by the words that were heard and by pace alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from xttslab.evaluation.recognition import Recognised, Word
from xttslab.evaluation.take_judge import TakeJudge, differences, pace_of
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Generated
from xttslab.speaking.take_guard import Take

TEXT = "A hajó kürtje messzire elhallatszott."
ENDED = Generated(torch.zeros(4), torch.zeros(5, 1), torch.zeros(5), True)
ENDLESS = Generated(torch.zeros(4), torch.zeros(4, 1), torch.zeros(4), False)


class Hears:
    """A recogniser that hears what it is told, the last word until the end of the speech."""

    def __init__(self, *texts: str, seconds: float = 2.0) -> None:
        self.texts, self.seconds = texts, seconds

    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Recognised]:
        return [Recognised((Word(text, 0.0, self.seconds),) if text else ()) for text in self.texts]


def tone(seconds: float = 2.0, silence: float = 0.2) -> np.ndarray:
    time = np.arange(int(seconds * SPEECH_RATE)) / SPEECH_RATE
    sound = 0.3 * np.sin(2 * np.pi * 150 * time)
    return np.concatenate([sound, np.zeros(int(silence * SPEECH_RATE))]).astype(np.float32)


USUAL = {"": float(pace_of(tone(), "a hajó kürtje messzire elhallatszott"))}


def faults(recogniser: object, wave: np.ndarray, spoken: Generated = ENDED) -> tuple[str, ...]:
    return TakeJudge(recogniser, "hu")([Take(TEXT, spoken, wave)], USUAL)[0].faults


@pytest.mark.parametrize(
    ("heard", "fault"),
    [
        ("A hajó kürtje messzire elhallatszott.", ()),
        ("a hajokircsé messzire elhalodszott", ()),
        ("A hajó kürtje messzire", ("39% of the text is missing",)),
        ("A hajó elhallatszott", ("44% of the text is missing",)),
        ("A hajó kürtje hajó kürtje messzire elhallatszott", ("33% more is said than the text",)),
        (
            "A hajó kürtje messzire elhallatszott és most valami egészen más",
            ("75% more is said than the text",),
        ),
    ],
)
def test_words_that_are_missing_or_too_many(heard: str, fault: tuple[str, ...]) -> None:
    assert faults(Hears(heard), tone()) == fault


def test_a_quick_take_lacks_more_than_the_recogniser_lets_on() -> None:
    heard = "A hajó messzire elhallatszott"  # without one word of 7 letters in 36
    assert faults(Hears("A hajó kürt messze elhallatszott"), tone()) == ()
    assert faults(Hears("A hajó kürtje mere elhallatszott"), tone()) == ()
    assert faults(Hears("A hajó kürtje mere elhallatszott", seconds=1.6), tone(1.6)) == (
        "11% of the text is missing",
    )
    assert faults(Hears(heard), tone()) == ("19% of the text is missing",)


def test_repeated_words_that_a_recogniser_leaves_out_still_take_their_time() -> None:
    assert faults(Hears(TEXT, seconds=2.6), tone(2.6)) == (
        "takes 30% longer than such a text usually does",
    )


def test_sound_behind_the_last_word() -> None:
    assert faults(Hears(TEXT, seconds=1.6), tone(2.0)) == ("0.6 s of sound after the last word",)


@pytest.mark.parametrize(
    ("wave", "spoken", "fault"),
    [
        (tone(), ENDED, ()),
        (tone(2.6), ENDED, ("takes 30% longer than such a text usually does",)),
        (tone(1.4), ENDED, ("takes 30% less time than such a text usually does",)),
        (tone(silence=0.0), ENDED, ("it ends in the middle of a sound",)),
        (tone(), ENDLESS, ("it does not end",)),
        (np.zeros(4800, np.float32), ENDED, ("it is silent",)),
    ],
)
def test_without_a_recogniser_pace_and_ending_are_judged(
    wave: np.ndarray, spoken: Generated, fault: tuple[str, ...]
) -> None:
    assert faults(None, wave, spoken) == fault


def test_the_usual_pace_is_the_middle_of_the_takes_of_a_voice() -> None:
    takes = [Take(TEXT, ENDED, tone(seconds), "one") for seconds in (2.0, 2.1, 3.5)]
    other = Take(TEXT, ENDED, tone(1.0), "two")  # alone: nothing is known of this voice
    judged = TakeJudge(None, "hu")([*takes, other])
    assert [one.faults for one in judged] == [
        (),
        (),
        ("takes 67% longer than such a text usually does",),
        (),
    ]
    assert judged[1].cost < judged[0].cost < judged[2].cost


def test_letters_misheard_within_a_lost_word_do_not_break_the_loss_in_two() -> None:
    found = differences("egy kettő három négy", "egy ká négy")
    assert (found.missing, found.added) == (pytest.approx(9 / 20), 0.0)
