"""Pieces become one recording: pauses as asked, levels alike, no silence left over, no clicks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xttslab.speaking.pieces import (
    CLAUSE,
    LARGEST_GAIN_DB,
    MARGIN_S,
    NONE,
    PARAGRAPH,
    SENTENCE,
    Piece,
    join,
    speech_frames,
    split_text,
)

RATE = 24_000


def tone(seconds: float, level: float, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    edges = (np.zeros(int(part * RATE), np.float32) for part in (before, after))
    first, last = edges
    wave = (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    return np.concatenate([first, wave, last])


def test_silence_at_the_ends_is_replaced_by_the_pause() -> None:
    joined = join([tone(1, 0.2, 0.5, 0.9), tone(0.5, 0.2)], [0.3, 0.0], RATE)
    heard = np.flatnonzero(speech_frames(joined, RATE))
    gaps = np.diff(heard)
    assert len(joined) / RATE == pytest.approx(1.8 + 2 * MARGIN_S, abs=0.03)
    assert gaps.max() * 0.01 == pytest.approx(0.3 + MARGIN_S, abs=0.03)


def test_levels_are_brought_together_within_the_limit() -> None:
    waves = [tone(1, 0.1), tone(1, 0.2), tone(1, 0.14)]
    joined = join(waves, [0.2] * 3, RATE)
    peaks = [np.abs(joined[start : start + RATE // 2]).max() for start in (6000, 34800, 63600)]
    assert max(peaks) / min(peaks) == pytest.approx(1.0, abs=0.05)
    far = join([tone(1, 0.01), tone(1, 0.2), tone(1, 0.2)], [0.0] * 3, RATE)
    assert np.abs(far[6000:18000]).max() == pytest.approx(
        0.01 * 10 ** (LARGEST_GAIN_DB / 20), rel=0.05
    )


def test_no_jump_where_pieces_meet_and_no_clipping() -> None:
    joined = join([tone(0.5, 0.9), tone(0.5, 0.5)], [0.0, 0.0], RATE)
    assert np.abs(joined).max() <= 0.98 + 1e-6
    assert np.abs(np.diff(joined)).max() < 0.1


def test_a_silent_piece_is_nothing_but_its_pause() -> None:
    joined = join([np.zeros(RATE, np.float32)], [0.25], RATE)
    assert len(joined) == RATE // 4
    assert not joined.any()


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
