"""Transcripts are shared out among clips; nothing is listened to twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xttslab.data.audio import write_audio
from xttslab.data.preparing.transcripts import Listener, difference, letters, share_out

TEXT = (
    "Jó estét kívánok! Ez itt a játék. A kérdés a következő: melyik a leghosszabb folyó? "
    "Gondolja meg jól. Az idő lejárt."
)


@dataclass(frozen=True)
class Said:
    text: str


@dataclass
class Parrot:
    """A recogniser that says how long each clip was, and counts."""

    model: str = "a"
    clips: list[int] = field(default_factory=list, repr=False)

    def transcribe(self, audios: Sequence[np.ndarray]) -> list[Said]:
        self.clips += [len(audio) for audio in audios]
        return [Said(f"{len(audio)} minta") for audio in audios]


def test_an_exact_hearing_gives_the_sentences() -> None:
    heard = ["jó estét kívánok ez itt a játék", "a kérdés a következő melyik a leghosszabb folyó",
             "gondolja meg jól az idő lejárt"]  # fmt: skip
    assert share_out(TEXT, heard, "hu") == [
        "Jó estét kívánok! Ez itt a játék.",
        "A kérdés a következő: melyik a leghosszabb folyó?",
        "Gondolja meg jól. Az idő lejárt.",
    ]


def test_a_bad_hearing_still_finds_the_ends_of_sentences() -> None:
    heard = ["jö este kivának es itta játok", "a kérde a kövekező mejik a leg hosszab fojo",
             "gondoja megjó a zidő lejár"]  # fmt: skip
    assert share_out(TEXT, heard, "hu")[1] == "A kérdés a következő: melyik a leghosszabb folyó?"


def test_figures_are_aligned_as_they_sound() -> None:
    heard = ["tízmillió forint a tét", "két perc maradt"]
    assert share_out("10 000 000 forint a tét. 2 perc maradt.", heard, "hu") == [
        "10 000 000 forint a tét.",
        "2 perc maradt.",
    ]


def test_a_clip_in_which_nothing_was_heard_gets_no_text() -> None:
    assert share_out("Egy kettő. Három négy.", ["egy kettő", "", "három négy"], "hu") == [
        "Egy kettő.",
        "",
        "Három négy.",
    ]


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="abcdé ", max_size=8), min_size=1, max_size=6),
    st.lists(st.text(alphabet="abcdé", min_size=1, max_size=6), max_size=20),
)
def test_every_word_goes_to_exactly_one_clip(heard: list[str], words: list[str]) -> None:
    parts = share_out(" ".join(words), heard, "en")
    assert len(parts) == len(heard)
    assert " ".join(part for part in parts if part).split() == words


@pytest.mark.parametrize(
    ("given_text", "heard", "language", "share"),
    [
        ("Jó estét!", "jó estét", "hu", 0.0),
        ("10 forint", "tíz forint", "hu", 0.0),
        ("abcd", "abxd", "en", 0.25),
        ("abcd", "", "en", 1.0),
    ],
)
def test_difference_is_in_characters(
    given_text: str, heard: str, language: str, share: float
) -> None:
    assert difference(given_text, heard, language) == pytest.approx(share)


def test_letters_are_what_sounds() -> None:
    assert letters("Az 5. kérdés: „B”!", "hu") == "azötödikkérdésbé"


def test_what_was_heard_is_remembered_even_after_an_interruption(tmp_path: Path) -> None:
    clips = {}
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        write_audio(path, np.zeros(22_050 + number, np.float32))
        clips[str(number)] = path
    parrot, memory, steps = Parrot(), tmp_path / "state" / "heard.jsonl", []
    listener = Listener(parrot, memory)
    first = listener.hear(dict(list(clips.items())[:2]), steps.append)
    assert len(parrot.clips) == 2
    assert first["0"] == "16000 minta"
    memory.write_text(memory.read_text() + '\n{"by": "a", "clip": "2", "te')  # killed
    found = listener.hear(clips, steps.append)
    assert len(parrot.clips) == 3
    assert found.keys() == clips.keys()
    assert sum(steps) == 2 + 3
    other = Parrot("b")
    Listener(other, memory).hear(clips, steps.append)
    assert len(other.clips) == 3
