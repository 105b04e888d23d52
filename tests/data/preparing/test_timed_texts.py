from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.preparing.timed_texts import (
    TimedSegment,
    TimedText,
    TimedWord,
    same_speaker,
    sentences,
    timed_text,
    with_punctuation,
)
from xttslab.errors import UserError

PATH = Path("a.json")


def text(*segments: tuple[str, float, float, str]) -> TimedText:
    return timed_text(PATH, [TimedSegment(*segment) for segment in segments])


def said(timed: TimedText) -> list[tuple[str, str]]:
    words = timed.words
    return [
        (" ".join(w.text for w in words[one.first : one.stop]), one.speaker)
        for one in sentences(words, timed.stray)
    ]


def test_segments_are_joined_to_sentences_across_their_ends() -> None:
    timed = text(("Jó estét", 0, 1, "A"), ("kívánok! A 3. kérdés", 1, 2, "A"), ("jön.", 2, 3, "A"))
    assert said(timed) == [("Jó estét kívánok!", "A"), ("A 3. kérdés jön.", "A")]
    assert not timed.exact
    assert timed.speakers() == {"A": 3.0}
    assert timed.end == 3.0


def test_titles_initials_and_small_letters_end_no_sentence() -> None:
    timed = text(("Dr. Kis és J. Nagy a XIX. században... vagy nem? Igen.", 0, 9, ""))
    assert [one for one, _ in said(timed)] == [
        "Dr. Kis és J. Nagy a XIX. században... vagy nem?", "Igen."
    ]  # fmt: skip


def test_a_sentence_that_two_speak_is_divided_but_a_stray_word_is_not() -> None:
    def spoken_by(names: str) -> list[tuple[str, str]]:
        words = [TimedWord("abcdef"[i], i, i + 1, name) for i, name in enumerate(names)]
        return said(timed_text(PATH, [TimedSegment("a b c d e f", 0, 6, "", tuple(words))]))

    assert spoken_by("AABAAA") == [("a b c d e f", "A")]
    assert spoken_by("AAABBB") == [("a b c", "A"), ("d e f", "B")]


def test_without_punctuation_segments_and_pauses_end_sentences() -> None:
    lines = [(f"szó {'x ' * 30}", 4.0 * i, 4.0 * i + 3, "") for i in range(3)]
    assert len(said(text(*lines))) == 3


def test_times_that_cannot_be_are_left_out_or_refused() -> None:
    good = [(f"Szó {i}a.", float(i), i + 0.5, "") for i in range(9)]
    timed = text(*good, ("Rossz.", 9.0, 8.0, ""))
    assert len(timed.words) == 18
    assert timed.notes == (("times that cannot be: left out", "1, first 9 to 8 s: Rossz."),)
    with pytest.raises(
        UserError, match=r"a.json: 2 of 3 times cannot be \(-2 to 1 s: Jó nap\); exp"
    ):
        text(("Jó\nnap", -2, 1, ""), ("estét", 2, 1, ""), ("Szia.", 3, 4, ""))


def test_segments_out_of_order_are_sorted() -> None:
    timed = text(("Szia.", 3, 4, ""), ("Jó!", 0, 1, ""))
    assert timed.text == "Jó! Szia."
    assert timed.notes == (("segments out of order: sorted by their times", "1"),)


def test_words_take_the_punctuation_of_their_segment() -> None:
    words = [TimedWord("jó", 0.0, 1.0), TimedWord("estét", 1.0, 2.0)]
    assert [(w.text, w.start) for w in with_punctuation("Jó – estét!", words)] == [
        ("Jó –", 0.0), ("estét!", 1.0)
    ]  # fmt: skip
    assert with_punctuation("Más szöveg.", words) == tuple(words)


@pytest.mark.parametrize(
    ("wanted", "name", "same"),
    [
        ("speaker 0", "Speaker 0", True),
        ("0", "SPEAKER_00", True),
        ("1", "Speaker 10", False),
        ("Anna", "Béla", False),
    ],
)
def test_speakers_are_named_as_people_do(wanted: str, name: str, same: bool) -> None:
    assert same_speaker(wanted, name) == same


def test_where_the_speaker_who_is_kept_speaks() -> None:
    timed = text(
        ("Jó estét.", 0.0, 2.0, "A"), ("Jó estét!", 2.0, 3.0, "B"), ("Kezdjük.", 3.5, 4.0, "A")
    )
    assert timed.keeping("A").named() == [(0.0, 2.0), (3.5, 4.0)]
    assert timed.named() == []
