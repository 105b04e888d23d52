from __future__ import annotations

import numpy as np

from tests.data.preparing.conftest import CHECKS, demo_sounds
from xttslab.data.preparing.text_coverage import ENDS_EARLY, GOES_ON, SpokenText


def texts() -> list[SpokenText]:
    """Twenty packaged clips with their texts."""
    return [SpokenText(text, "hu", sound) for text, sound in demo_sounds()]


def misfits(clips: list[SpokenText]) -> dict[int, tuple[str, str]]:
    return {row: (kind, value) for row, kind, value in CHECKS.text_coverage.misfits(clips)}


def words(clip: SpokenText, part: slice) -> SpokenText:
    return clip._replace(text=" ".join(clip.text.split()[part]))


def share(value: str) -> int:
    return int(value.split("%")[0].removeprefix("about "))


def test_texts_that_fit_are_left_alone() -> None:
    assert misfits(texts()) == {}


def test_what_is_missing_or_too_much_is_found_with_its_share_and_words() -> None:
    clips = texts()
    long = [row for row, clip in enumerate(clips) if len(clip.text.split()) >= 6][:4]
    first, second, third, fourth = long
    clips[first] = words(clips[first], slice(None, -2))
    clips[second] = words(clips[second], slice(2, None))
    clips[third] = clips[third]._replace(text=clips[third].text + " Ezt senki nem mondta ki.")
    sound = clips[fourth].sound
    assert sound is not None
    clips[fourth] = clips[fourth]._replace(sound=sound[: len(sound) * 2 // 3])
    found = misfits(clips)
    assert {row: kind for row, (kind, _) in found.items()} == {
        first: ENDS_EARLY, second: ENDS_EARLY, third: GOES_ON, fourth: GOES_ON,
    }  # fmt: skip
    assert found[first][1].endswith("% of what is said is not in the text, after its last word")
    assert found[second][1].endswith("% of what is said is not in the text, before its first word")
    assert "% of the text is not said: " in found[third][1]
    assert found[third][1].endswith("senki nem mondta ki.")
    assert 10 < share(found[first][1]) < 50
    assert 20 < share(found[fourth][1]) < 50


def test_many_texts_that_end_early_do_not_become_the_rule() -> None:
    clips = [words(c, slice(None, -2)) if row % 4 == 0 else c for row, c in enumerate(texts())]
    found = misfits(clips)
    assert {row for row, (kind, _) in found.items() if kind == ENDS_EARLY} >= {0, 4, 8, 12, 16}
    assert len(found) <= 6


def test_no_sound_few_clips_and_signs_for_words_are_not_judged() -> None:
    clips = texts()
    cut = words(clips[0], slice(None, 2))
    assert misfits([cut, *clips[1:7]]) == {}
    assert misfits([clip._replace(sound=None) for clip in clips]) == {}
    signs = "".join(chr(0x4E00 + number) for number in range(300))
    chinese = [
        clip._replace(text=signs[row * 15 : row * 15 + 15], language="zh")
        for row, clip in enumerate(clips)
    ]
    assert misfits(chinese) == {}


def test_a_text_with_no_room_in_its_sound_goes_on() -> None:
    clips = texts()
    clips[3] = clips[3]._replace(text=" ".join(clip.text for clip in clips))
    kind, value = misfits(clips)[3]
    assert kind == GOES_ON
    assert share(value) > 50


def test_another_language_is_read_by_its_letters() -> None:
    clips = [clip._replace(language="de") for clip in texts()]
    clips[4] = words(clips[4], slice(None, 2))
    assert misfits(clips)[4][0] == ENDS_EARLY
    assert np.mean([row != 4 for row in misfits(clips)]) <= 0.5


def test_what_is_heard_counts_beside_the_sound_and_alone() -> None:
    clips = [clip._replace(heard=clip.text) for clip in texts()]
    assert misfits(clips) == {}
    row = next(row for row, clip in enumerate(clips) if len(clip.text.split()) >= 6)
    lost = " ".join(clips[row].text.split()[-2:])
    cut = words(clips[row], slice(None, -2))
    for several in ([*clips[:row], cut, *clips[row + 1 :]], [cut]):
        ((kind, value),) = misfits(several).values()
        assert kind == ENDS_EARLY
        assert value.endswith(f"% of what is said is not in the text, after its last word: {lost}")


def test_a_recogniser_that_hears_a_part_blames_no_text() -> None:
    clips = texts()
    clips[3] = clips[3]._replace(heard="Színj!")
    assert misfits(clips) == {}


def test_a_clip_too_short_to_have_a_sound_is_passed_over() -> None:
    clips = texts()
    silent = clips[0]._replace(sound=np.zeros((0, 14), np.float16))
    assert misfits([silent, *clips[1:]]) == {}
