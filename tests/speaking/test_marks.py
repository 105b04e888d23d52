"""Pauses and SSML in a text, and one line for what is none."""

from __future__ import annotations

import pytest

from xttslab.errors import UserError
from xttslab.speaking.marks import Marked, read_marks, spelled_out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jó estét! [pause 0.6s] Kezdjük.", [Marked("Jó estét!", 0.6), Marked("Kezdjük.")]),
        ("[pause 600ms]Igen[pause 1][PAUSE 0,5 s]", [Marked("", 0.6), Marked("Igen", 1.5)]),
        ("a < b és b > c, 2 <3", [Marked("a < b és b > c, 2 <3")]),
        ("Igen<break/>nem", [Marked("Igen", 0.4), Marked("nem")]),
        ("Igen <break time='500ms'/> nem", [Marked("Igen", 0.5), Marked("nem")]),
        ('Igen <break strength="x-strong" />', [Marked("Igen", 1.2)]),
        ("<speak><p>egy</p><p>kettő</p></speak>", [Marked("egy\n\nkettő")]),
        ("<speak>Tom &amp; <s>Bob.</s><s>Jó</s> [pause 1s] a</speak>",
         [Marked("Tom &  Bob.  Jó", 1.0), Marked("a")]),
        ('Az <sub alias="ótépé">OTP</sub>-nél', [Marked("Az ótépé-nél")]),
        ('<say-as interpret-as="spell-out">OTP2</say-as>!', [Marked("ó té pé kettő!")]),
        ('<say-as interpret-as="digits">12</say-as>', [Marked("egy kettő")]),
        ('<?xml version="1.0"?><speak xmlns="http://www.w3.org/2001/10/synthesis">a</speak>',
         [Marked("a")]),
    ],
)  # fmt: skip
def test_marks_are_read(text: str, expected: list[Marked]) -> None:
    assert read_marks(text) == expected


def test_a_lexicon_sees_what_no_mark_says_how_to_read() -> None:
    text = 'OTP <sub alias="OTP">otp</sub> <say-as interpret-as="characters">OTP</say-as>'
    (read,) = read_marks(text, lambda part: part.replace("OTP", "bank"))
    assert read.text == "bank OTP ó té pé"


def test_letters_and_figures_have_their_hungarian_names() -> None:
    assert spelled_out("ABCD w9") == "á bé cé dé dupla vé kilenc"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pause -1]x", r"\[pause -1\]: a pause lasts 0 to 60 s; correct it"),
        ("[pause 999s]", r"\[pause 999s\]: a pause lasts 0 to 60 s"),
        ("[pause foo]", r"\[pause foo\]: no length of a pause; write \[pause 0.6s\]"),
        ("jó [pause 1", "has no closing bracket"),
        ("<break time='-1s'/>", 'time="-1s"/>: a pause lasts 0 to 60 s'),
        ("<break strength='huge'/>", "there are none, x-weak, weak"),
        ("<speak>a<break", r"SSML is not well-formed \(.*, line 1, character 9\)"),
        ("Tom & <break/> x", r"not well-formed \(.*line 1, character 6\); .* & as &amp;"),
        ("Igen</speak>", "SSML is not well-formed"),
        ("<s>Ig\ud800en</s>", "SSML: character 6 is half of a surrogate pair; take it out"),
        ("<speak><prosody>x</prosody></speak>", "SSML: <prosody> is not read; there are speak, p"),
        ("<sub>x</sub>", "<sub> needs alias="),
        ("<say-as interpret-as='foo'>x</say-as>", 'interpret-as="foo">: is not read; there are sp'),
        ("<!DOCTYPE x><speak>a</speak>", "comments, CDATA and DOCTYPE are not read"),
    ],
)
def test_a_mark_that_is_none_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_marks(text)
    assert "\n" not in str(caught.value)
