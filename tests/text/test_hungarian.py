"""The Hungarian front-end: a table of cases, properties on any text, and what cannot be read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xttslab.errors import UserError
from xttslab.text.hungarian import (
    ALPHABET,
    PHONEMES,
    UnreadableText,
    phonemes,
    spell_out,
    spell_out_checked,
    unreadable,
)
from xttslab.text.numbers import cardinal, ordinal
from xttslab.text.suffixes import attach, attach_to_number, day_of_month

CASES = [
    tuple(line.split("|"))
    for line in Path(__file__)
    .with_name("hungarian_cases.psv")
    .read_text(encoding="utf-8")
    .splitlines()[1:]
]
SENTENCES = {"quiz", "interview"}

# Pieces that the rules react to, so that random text reaches their corners.
PIECES = """A B C D E I V X XX XIV. II. a az b. c) 1 2 12 0 007 1956 2024. 23. 5 10 000 3:30 3,5
 1/2 - – . , : ; ! ? ( ) " ' … % Ft € $ km m² kg °C -ban -val -es -án -szor -t -s -e -os kb. pl.
 stb. stb dr. Kft. u. sz. o. c. i. Kr. ez egy és vagy alma október május jan. évi óra ezer millió
 MTA USA NATO NEM BKV-val A-t B-vel á bé + = × * < > ~ # @ www.a.hu a@b.hu ² ½ 06 30
 +36 M / &nbsp; &lt; &#8222; :) :D XD ^^ +40 721 234 567 0040 USD Python3.10.2 Dr.Kiss II.-t
 URL-t 1'000 1,000.50 00""".split()
# How long an example takes says nothing about the text.
slow_machine = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["N", "P", "S", "M", "C", "Z"]), max_size=20),
    st.text("AaBbIiVvXxSsEe12305.,:;-–/%'\"() áéőszKftorkm", max_size=30),
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from([" ", "", "-"])), max_size=9).map(
        lambda pairs: "".join(piece + gap for piece, gap in pairs)
    ),
)


@pytest.mark.parametrize(("written", "spoken"), [case[1:] for case in CASES])
def test_case(written: str, spoken: str) -> None:
    assert spell_out(written) == spoken


def test_table_is_large_enough_and_sound() -> None:
    assert len(CASES) >= 400
    assert sum(group in SENTENCES for group, _, _ in CASES) >= 100
    assert len({written for _, written, _ in CASES}) == len(CASES)
    for _, written, spoken in CASES:
        assert unreadable(written) == []
        assert spell_out(spoken) == spoken


@slow_machine(max_examples=500)
@given(ANY_TEXT)
def test_no_digits_and_stable_on_any_text(text: str) -> None:
    spoken = spell_out(text)
    assert not any(character.isdigit() for character in spoken)
    assert spell_out(spoken) == spoken


@slow_machine(max_examples=200)
@given(ANY_TEXT)
def test_unreadable_points_into_the_text(text: str) -> None:
    for fault in unreadable(text):
        assert text[fault.position : fault.position + len(fault.text)] == fault.text
    assert unreadable(spell_out(text)) == []


@slow_machine(max_examples=200)
@given(st.integers(0, 10**15 - 1))
def test_numerals_use_ket_only_before_another_part(value: int) -> None:
    words = cardinal(value)
    assert not words.endswith("két")
    assert "kettőezer" not in words
    assert "kettőszáz" not in words
    assert "kettőmill" not in words
    assert ordinal(value).endswith(("ik", "első"))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Szia 😊!", [(5, "😊")]),
        ("[zaj] Jó estét!", [(0, "["), (4, "]")]),
        ("Ez a Привет szó", [(5, "Привет")]),
        ("a\x00b", [(1, "\x00")]),
        ("5*-os <b>szálloda</b>", [(1, "*"), (6, "<"), (8, ">"), (17, "<"), (20, ">")]),
        ("egy_két | \ud800", [(3, "_"), (8, "|"), (10, "\ud800")]),
        ("5 < 6, 3*4, ~10, info_tv@example.com", []),
        ("„Jó” – ‘szép’… ™\u00ad\u200b", []),
        ("o\u030b, u\u0308 és x\u0301", []),
        ("szia :) :D XD <3, 5 &lt; 6 &amp; &nbsp;", []),
        ("&lt;b&gt;szia", [(0, "&lt;"), (5, "&gt;")]),
        ("Jó &#1055; nap", [(3, "&#1055;")]),
    ],
)
def test_unreadable_places(text: str, faults: list[tuple[int, str]]) -> None:
    assert [(fault.position, fault.text) for fault in unreadable(text)] == faults


def test_unreadable_characters_are_left_out() -> None:
    assert spell_out("Szia 😊!") == "Szia!"
    assert spell_out("[zaj] 5 forint") == "zaj öt forint"


def test_checked_text_is_spoken_or_refused() -> None:
    assert spell_out_checked("5 perc") == "öt perc"
    with pytest.raises(UnreadableText) as refusal:
        spell_out_checked("Jó 日本 estét 😊")
    assert isinstance(refusal.value, UserError)
    assert [fault.position for fault in refusal.value.faults] == [3, 12]
    assert str(refusal.value) == (
        "cannot be read aloud: '日本' (cjk unified ideograph-65e5) at character 3, "
        "'😊' (smiling face with smiling eyes) at character 12; "
        "reword or delete it in 'Jó 日本 estét 😊'"
    )


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "„”"])
def test_checked_text_needs_something_to_say(text: str) -> None:
    with pytest.raises(UnreadableText, match="no letter and no number in it"):
        spell_out_checked(text)


@pytest.mark.parametrize(
    "text",
    [
        "+" + "9" * 5000,
        "&" * 300 + ";",
        ":)" * 300,
        "9" * 5000,
        "1/" * 300,
        "A-" * 300,
        "5." * 300,
        "(" * 300,
    ],
)
def test_degenerate_text_is_read(text: str) -> None:
    assert not any(character.isdigit() for character in spell_out(text))


def test_white_space_is_one_space() -> None:
    assert spell_out(" 10\u00a0000\u202f000 \n\tforint ") == "tízmillió forint"


@pytest.mark.parametrize(
    ("word", "suffix", "spoken"),
    [
        ("kilogramm", "mal", "kilogrammal"),
        ("ensz", "val", "ensszal"),
        ("százalék", "al", "százalékkal"),
        ("óra", "kor", "órakor"),
        ("óra", "tól", "órától"),
        ("húsz", "szor", "hússzor"),
        ("fél", "en", "felen"),
    ],
)
def test_attach(word: str, suffix: str, spoken: str) -> None:
    assert attach(word, suffix) == spoken


def test_days_and_numbers_differ() -> None:
    assert attach_to_number("öt", "én", 5) == "ötödikén"
    assert attach_to_number("öt", "ig", 5) == "ötig"
    assert day_of_month(5, "ig") == "ötödikéig"
    assert day_of_month(1, "i") == "elsejei"


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
