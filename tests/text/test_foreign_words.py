"""Words spelt as no Hungarian word is are found, and Hungarian words are left alone."""

from __future__ import annotations

import pytest

from xttslab.text.foreign_words import foreign_words, looks_foreign
from xttslab.text.lexicon import Lexicon, parse_lexicon

FOREIGN = (
    "Shakespeare William Charlie Checkpoint Chopin Bach Haydn Smith Schmidt Washington Quito "
    "xenon YouTube iPhone Google Apple Dvořák Kölcsey show Bush John Joseph Phoenix "
    "Rákóczi Louvre Beaujolais Lloyd Nietzsche café's"
)
HUNGARIAN = (
    "láthat érthető társhoz meghal kaphat képhez hathatós barack palack kocka lecke anya "
    "király hogy Tisza Vörösmarty gyémánt megyek kooperál szőlő Európa házai leemel autó BMW XIX "
    "kettő jobb mindegyikük cseresznye nagyság ugyanaz pillanatok szombathelyi Zsófia dzsungel "
    "közgyűlés lyuk ötágú egyhangú mely boldogság sakkozik osztály székhely"
)


@pytest.mark.parametrize("word", FOREIGN.split())
def test_foreign_spelling_is_seen(word: str) -> None:
    assert looks_foreign(word)


@pytest.mark.parametrize("word", HUNGARIAN.split())
def test_hungarian_spelling_is_not(word: str) -> None:
    assert not looks_foreign(word)


def test_the_most_frequent_comes_first_forms_together_and_known_ones_left_out() -> None:
    texts = [
        "Williamnek írt William, Bachot hall.",
        "Bach? Shakespeare-rel!",
        "Bach-hoz Chopin.",
    ]
    known = Lexicon(parse_lexicon([(1, "Shakespeare|sékszpír")], "lexicon.csv"))
    found = [(word.written, word.count) for word in foreign_words(texts, known)]
    assert found == [("Bach", 3), ("William", 2), ("Chopin", 1)]
