"""Texts become pieces that XTTS can speak, as they are read aloud, with the pauses between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xttslab.speaking.pieces import (
    CLAUSE,
    NONE,
    PARAGRAPH,
    SENTENCE,
    Piece,
    read_pieces,
    split_text,
)
from xttslab.text.lexicon import Entry, Lexicon

SENTENCES = "Ez itt az első mondat, elég hosszú. Ez pedig a második, az is elég hosszú!"


def test_sentences_are_pieces_with_a_pause_between() -> None:
    assert split_text(SENTENCES, 60) == [
        Piece("Ez itt az első mondat, elég hosszú.", SENTENCE),
        Piece("Ez pedig a második, az is elég hosszú!", 0.0),
    ]


def test_paragraphs_pause_longer() -> None:
    pieces = split_text(f"{SENTENCES}\n\n{SENTENCES}", 60)
    assert [piece.pause for piece in pieces] == [SENTENCE, PARAGRAPH, SENTENCE, 0.0]


def test_long_sentences_are_cut_at_clauses_into_like_parts() -> None:
    text = "Az egyik fele itt van, a másik fele meg ott, a harmadik sehol sincsen, kész."
    pieces = split_text(text, 50)
    assert [piece.text for piece in pieces] == [
        "Az egyik fele itt van, a másik fele meg ott,",
        "a harmadik sehol sincsen, kész.",
    ]
    assert [piece.pause for piece in pieces] == [CLAUSE, 0.0]


def test_a_clause_without_marks_is_cut_between_words() -> None:
    pieces = split_text("ez a szöveg sehol sem tartalmaz semmiféle írásjelet bizony", 40)
    assert [piece.pause for piece in pieces] == [NONE, 0.0]
    assert all(18 <= len(piece.text) <= 40 for piece in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Igen. Ez a helyes válasz.", ["Igen. Ez a helyes válasz."]),
        ("Ez a helyes válasz volt. Igen!", ["Ez a helyes válasz volt. Igen!"]),
        ("Nem. Nem. Nem.", ["Nem. Nem. Nem."]),
    ],
)
def test_lone_words_join_their_neighbour(text: str, expected: list[str]) -> None:
    assert [piece.text for piece in split_text(text, 200)] == expected


def test_nothing_gives_nothing() -> None:
    assert split_text(" \n ", 100) == []


@given(
    st.text(alphabet="aábcéö .,!?;\n–", max_size=400),
    st.integers(min_value=12, max_value=120),
)
def test_no_letter_is_lost_and_no_piece_is_too_long(text: str, longest: int) -> None:
    pieces = split_text(text, longest)
    assert "".join("".join(piece.text for piece in pieces).split()) == "".join(text.split())
    assert all(0 < len(piece.text) <= longest for piece in pieces)


NAMES = Lexicon([Entry("a line 1", "Shakespeare", "sékszpír")])


def test_marks_lexicon_and_figures_are_read_in_one_go() -> None:
    text = "Shakespeare 2 műve. [pause 1.5s] Melyik? A: Hamlet [pause 300ms] B: Lear"
    pieces = read_pieces(text, NAMES, "hu", 200)
    assert pieces == [
        Piece("Sékszpír két műve.", 1.5),
        Piece("Melyik? á: Hamlet", 0.3),
        Piece("bé: Lear", 0.0),
    ]


def test_paragraphs_stay_apart_and_a_pause_may_come_first() -> None:
    pieces = read_pieces(
        "[pause 2s] Ez itt az első bekezdés.\n\nEz meg a második.", NAMES, "hu", 99
    )
    assert pieces[0] == Piece("", 2.0)
    assert [piece.pause for piece in pieces] == [2.0, PARAGRAPH, 0.0]
