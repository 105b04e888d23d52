from __future__ import annotations

import pytest

from xttslab.data.preparing.text_checks import TEACHES, text_faults

WHOLE = "A híd a folyó felett vezet."


def kinds(*texts: str, hungarian: bool = True) -> list[tuple[int, str, str]]:
    return [(f.row, f.kind, f.value) for f in text_faults(texts, hungarian)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("...", [("no_words", "...")]),
        ("[nevet] –", [("no_words", "[nevet] –")]),
        ("húrok adják meg.", [("starts_inside_sentence", "húrok adják meg.")]),
        ("…és aztán elment.", [("starts_inside_sentence", "…és aztán elment.")]),
        ("Aztán elment,", [("ends_inside_sentence", "Aztán elment,")]),
        ("Aztán a barátja", [("ends_inside_sentence", "a barátja")]),
        ("Összegyűjtött ös...", [("cut_off_text", "Összegyűjtött ös...: no whole word")]),
        ("Összegyűjtött szt", [("cut_off_text", "Összegyűjtött szt: no whole word")]),
        ("Az – Az első kérdés.", [("false_start", "Az – Az")]),
        ("Kö-- Köszönöm szépen.", [("false_start", "Kö-- Köszönöm")]),
    ],
)
def test_each_fault_has_its_name_and_place(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(WHOLE, text) == [(1, *one) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "„Igen!”",
        "Ez egy nagyon nehéz kérdés...",
        "Hát, én csak azt...",
        "A NATO-ban és az EU-ban is így van…",
        "Egy-egy alma – nem körte – kell (mondta).",
        "2024-ben történt.",
    ],
)
def test_whole_sentences_are_none(text: str) -> None:
    assert kinds(WHOLE, text) == []


def test_texts_that_a_program_cut_at_one_length_are_found() -> None:
    texts = [("Szavak " * 40)[:n] + "x" * (100 - n) for n in (98, 97, 96)]
    assert kinds(WHOLE, *texts) == [
        (row, "cut_off_text", "100 characters, as 2 others that do not end, either")
        for row in (1, 2, 3)
    ]


def test_short_words_of_other_languages_need_a_large_set() -> None:
    assert kinds("I went to the", hungarian=False) == [(0, "ends_inside_sentence", "to the")]
    many = ["This is one of many sentences here."] * 100
    found = kinds(*many, "I went to gre...", hungarian=False)
    assert found == [(100, "cut_off_text", "to gre...: no whole word")]


def test_what_a_voice_learns_is_told_of_each_kind() -> None:
    assert set(TEACHES) == {
        "starts_inside_sentence", "ends_inside_sentence", "cut_off_text", "false_start",
    }  # fmt: skip
