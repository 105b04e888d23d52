from __future__ import annotations

import numpy as np
import pytest

from tests.data.preparing.conftest import CHECKS, RECIPE
from xttslab.data.preparing.text_lengths import (
    ENDS_EARLY,
    GOES_ON,
    SpokenText,
    deviations,
    written,
)

WORDS = "alma körte szilva barack dinnye cseresznye meggy ribizli málna eper".split()


def texts(count: int = 24, heard: bool = False) -> list[SpokenText]:
    """Texts of 5 to 9 words, each with the sound that a steady speaker makes of it."""
    random, found = np.random.default_rng(0), []
    for number in range(count):
        text = " ".join(random.choice(WORDS, 5 + number % 5)).capitalize() + "."
        syllables, letters = written(text, "hu")
        off = random.normal(0, 0.04, 3)
        sounds = np.array([letters * 0.07, syllables * 0.95, letters * 0.8]) * np.exp(off)
        names = ("speech_s", "syllables_heard", "sound_changes")
        measures = dict(zip(names, sounds.tolist(), strict=True)) | {"end_db": -50.0}
        found.append(SpokenText(text, "hu", "a", measures, text if heard else None))
    return found


def misfits(clips: list[SpokenText]) -> dict[int, tuple[str, str]]:
    return {row: (kind, value) for row, kind, value in CHECKS.text_lengths.misfits(clips)}


def first_words(clip: SpokenText, count: int) -> SpokenText:
    return clip._replace(text=" ".join(clip.text.split()[:count]))


def test_texts_that_fit_are_left_alone() -> None:
    assert misfits(texts()) == {}


def test_a_text_that_ends_early_or_goes_on_is_found_with_how_much() -> None:
    clips = texts()
    clips[3] = first_words(clips[3], 5)  # of 8
    clips[9] = clips[9]._replace(text=f"{clips[9].text[:-1]} cseresznye málna eper.")
    found = misfits(clips)
    assert {row: kind for row, (kind, _) in found.items()} == {3: ENDS_EARLY, 9: GOES_ON}
    share = int(found[3][1].split("%")[0].removeprefix("about "))
    assert 25 < share < 50
    assert found[3][1].endswith("of what is said is not in the text")
    assert found[9][1].endswith("of the text is not said")


def test_many_texts_that_end_early_do_not_become_the_rule() -> None:
    clips = [first_words(c, 3) if row % 4 == 0 else c for row, c in enumerate(texts(40))]
    assert set(misfits(clips)) == set(range(0, 40, 4))


def test_a_small_miss_counts_where_the_text_stops_inside_a_sentence() -> None:
    clips = texts(40)
    words = clips[9].text.split()  # nine words
    clips[9] = clips[9]._replace(text=" ".join(words[:-1]) + ".")
    whole = CHECKS.text_lengths.deviations
    away, spread = deviations(clips, 10)
    assert abs(away[9]) < whole * spread[9]
    assert misfits(clips) == {}
    clips[9] = clips[9]._replace(text=" ".join(words[:-1]))
    assert set(misfits(clips)) == {9}


def test_a_few_clips_make_no_pace_but_what_is_heard_does() -> None:
    few = texts(4)
    few[1] = first_words(few[1], 4)
    assert misfits(few) == {}
    few = texts(4, heard=True)
    lost = " ".join(few[1].text.split()[4:])
    few[1] = first_words(few[1], 4)
    kind, value = misfits(few)[1]
    assert kind == ENDS_EARLY
    assert value.endswith(f"of what is said is not in the text: {lost}")


def test_a_recogniser_that_hears_a_part_blames_no_text() -> None:
    clips = texts(heard=True)
    clips[3] = clips[3]._replace(heard="Színj!")
    clips[9] = clips[9]._replace(heard=" ".join(clips[9].text.split()[:7]))
    assert misfits(clips) == {}


def test_speakers_have_each_their_own_pace() -> None:
    slow = [
        c._replace(speaker="b", measures={k: 1.5 * v for k, v in c.measures.items()})
        for c in texts()
    ]
    assert misfits([*texts(), *slow]) == {}


@pytest.mark.parametrize(
    ("text", "language", "amounts"),
    [("Jó estét!", "hu", (3, 7)), ("3 alma", "hu", (4, 9)), ("Good evening!", "en", (4, 11))],
)
def test_syllables_and_letters_are_those_that_are_spoken(
    text: str, language: str, amounts: tuple[int, int]
) -> None:
    assert written(text, language) == amounts


def test_the_sound_of_a_clip_says_how_much_is_said(spoken: list[np.ndarray]) -> None:
    measures = RECIPE.finish(RECIPE.passage(spoken[0])).measures
    assert 0.5 < measures["speech_s"] < len(spoken[0]) / 22050
    assert 3.0 < measures["syllables_heard"] / measures["speech_s"] < 9.0
    assert 6.0 < measures["sound_changes"] / measures["speech_s"] < 20.0
    assert measures["end_db"] < -30
    half = RECIPE.finish(RECIPE.passage(spoken[0][: len(spoken[0]) // 2])).measures
    assert half["syllables_heard"] < 0.75 * measures["syllables_heard"]
