"""Words are said as a person listed them, with their suffixes, and bad rows are named."""

from __future__ import annotations

from collections import Counter

import pytest

from xttslab.errors import UserError
from xttslab.text.lexicon import Lexicon, parse_lexicon, usage


def lexicon(content: str) -> Lexicon:
    return Lexicon(parse_lexicon(enumerate(content.split("\n"), 1), "lexicon.csv"))


NAMES = lexicon(
    "written|spoken\nShakespeare|sékszpír\nWilliam|viljem\n# a note\n\nIT|ájtí\n"
    "Checkpoint Charlie|csekpojnt csárli\nMax|maksz\nChat|cset\nlaptop|leptop"
)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("William Shakespeare művei", "Viljem Sékszpír művei"),
        ("Shakespeare-rel, SHAKESPEARE-t", "Sékszpírrel, Sékszpírt"),
        ("Williamnek és Williammel", "Viljemnek és Viljemmel"),
        ("a Checkpoint  Charlie-nál", "a Csekpojnt csárlinál"),
        ("Az IT más, mint az it.", "Az Ájtí más, mint az it."),
        ("Maxot a max érdekli", "Makszot a max érdekli"),
        ("a laptopok, Laptop!", "a leptopok, Leptop!"),
        ("Shakespeareiádavilág", "Shakespeareiádavilág"),
    ],
)
def test_words_are_found_with_their_suffixes(written: str, said: str) -> None:
    assert NAMES.apply(written) == said
    assert NAMES.apply(said) == said


def test_how_often_each_word_is_used_is_counted() -> None:
    used: Counter[str] = Counter()
    NAMES.apply("William és Williamék, Shakespeare", used)
    assert used == {"William": 2, "Shakespeare": 1}
    counts = usage(lexicon("Bach|bah\nVerdi|vérdi\nHaydn|hájdn"), ["Bachot"])
    assert counts == {"Bach": 1, "Haydn": 0, "Verdi": 0}


def test_what_is_said_may_hold_other_words_of_the_lexicon() -> None:
    both = lexicon("NY|New York\nNew York|nyú jork")
    assert both.apply("NY és new york") == "Nyú jork és nyú jork"


def test_one_lexicon_goes_before_another_and_equal_rows_have_one_digest() -> None:
    other = lexicon("william|vilmos")
    both = NAMES.overridden_by(other)
    assert both.apply("William Shakespeare") == "Vilmos Sékszpír"
    assert lexicon("a|b\nc|d").digest == lexicon("c|d\n\nwritten|spoken\na|b").digest != ""
    assert Lexicon().digest == ""
    assert lexicon(NAMES.written()) == NAMES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ab|cd\ncd|ab", r"line 1: leads back to itself \(ab → cd → ab\); write how it sounds"),
        ("a|a", r"line 1: leads back to itself"),
        ("ab|xy ab", r"line 1: leads back to itself"),
        ("ab|", "line 1: 'ab' has nothing that is spoken; write how it sounds behind |"),
        ("|ab", "line 1: '' holds no letter; write a word before |"),
        ("Bach", "line 1: 'Bach' is not written|spoken; correct it"),
        ("x|y\na|b|c", "line 2: 'a|b|c' is not written|spoken"),
        ("Bach|bah\n\nbach|bak", r"line 3: 'bach' is said 'bak' here and 'bah' in lexicon.csv l"),
    ],
)
def test_a_bad_row_is_named_in_one_line(content: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("|", r"\|")) as caught:
        lexicon(content)
    assert str(caught.value).startswith("lexicon.csv line ")
    assert "\n" not in str(caught.value)
