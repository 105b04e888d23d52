"""Hungarian spelling gives its sounds; every one of the inventory can be reached."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xttslab.data.phonemes import ALPHABET, PHONEMES, phonemes


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("Hosszú", "h o s uː"),
        ("meggyes", "m ɛ ɟ ɛ ʃ"),
        ("dzsungel", "dʒ u n ɡ ɛ l"),
        ("Cserge zsák, szék.", "tʃ ɛ r ɡ ɛ ʒ aː k s eː k"),
        ("hüllő lyuk", "h y l l øː j u k"),
        ("taxi", "t ɒ k s i"),
        ("5", "ø t"),
        ("… !", ""),
    ],
)
def test_words_are_read_sound_by_sound(text: str, sounds: str) -> None:
    assert phonemes(text) == sounds.split()


def test_the_inventory_has_14_vowels_and_25_consonants() -> None:
    assert len(PHONEMES) == 39
    text = "árvíztűrő tükörfúrógép dzsem edző zsír gyík tyúk cső szó nyúl lyuk hab ceruza fa ordas"
    assert set(PHONEMES) - set(phonemes(f"{text} inas")) == set()


def test_the_alphabet_has_every_letter_once() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 35


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_known_sounds(text: str) -> None:
    assert set(phonemes(text)) <= set(PHONEMES)
