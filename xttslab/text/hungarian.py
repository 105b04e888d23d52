"""Normalises Hungarian text to words as they are spoken, without figures or signs, and to phonemes.

Training and synthesis share this front-end; it replaces the tokenizer's own cleaner.

* `spell_out` never fails and is what the tokenizer calls; what has no reading is left out.
* `unreadable` lists what `spell_out` would leave out, and where: the checks of a data set.
* `spell_out_checked` raises on such text: for text that a person asks to be spoken.
* `letters` and `phonemes` compare texts by how they sound: the checks of a data set, and scores.

In the result numbers, signs, units, abbreviations and letters are words, so a full stop ends a
sentence and nothing else; letter case and the marks that end sentences are as they were.
"""

from __future__ import annotations

import re

from xttslab.errors import UserError
from xttslab.text.abbreviations import expand_abbreviations, spell_acronyms, spell_letters
from xttslab.text.characters import LETTER, LOWER, Unreadable, clean
from xttslab.text.figures import spell_codes, spell_dates, spell_figures, spell_times
from xttslab.text.ordinals import spell_ordinals, spell_roman
from xttslab.text.quantities import spell_quantities, spell_units
from xttslab.text.words import SIGNS

__all__ = ["Unreadable", "UnreadableText", "spell_out", "spell_out_checked", "unreadable"]

# A second pass reads what the first one uncovered; more than this never happens in real text.
_MOST_PASSES = 8

_FIGURE = re.compile("[0-9]")
_SIGN = re.compile(f"[{re.escape(''.join(SIGNS))}]")
_TIDY = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"[\"')]-(?=[{LOWER}])", ""),
        (rf"(?<![{LETTER}])'|'(?![{LETTER}])|\"", " "),
        (rf"(?<=[{LETTER}])\(([{LOWER}]{{1,6}})\)", r"\1"),
        (r"\s[-–]+\s|\s?--+\s?|\(", ", "),
        (r"\.\)(?=\.)", ")"),
        (r"\)(?=\s*[,.;:!?]|\s*$)", ""),
        (r"\)", ","),
        (rf"(?<=[{LETTER}])–(?=[{LETTER}])", "-"),
        (rf"(?<![{LETTER}])[-–]|[-–](?![{LETTER}])", " "),
        (r"\s+", " "),
        (r" (?=[,.;:!?])", ""),
        (r"[,;:]+(?=[,.;:!?])", ""),
        (r"(?<![.])\.\.(?![.])|\.{4,}", "..."),
        (r"([!?;:])\1+", r"\1"),
        (r"(?<=[!?])[,;:]+", ""),
        (r"(?<=[,;:])(?=[^\s])|(?<=[.!?])(?=[^\s.!?])", " "),
        (r"^[\s,;:.!?]+(?=[^\s,;:.!?])", ""),
    )
)


class UnreadableText(UserError):
    """Text that cannot be read aloud; `faults` holds the places, in their order."""

    def __init__(self, text: str, faults: list[Unreadable]) -> None:
        self.faults = faults
        where = ", ".join(str(fault) for fault in faults) or "no letter and no number in it"
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        super().__init__(f"cannot be read aloud: {where}; reword or delete it in {shown!r}")


def spell_out(text: str) -> str:
    """`text` in spelled-out Hungarian, stable when applied again; never raises.

    "A 2024-ben nyert 10 000 000 Ft 50%-kal több." →
    "A kétezer-huszonnégyben nyert tízmillió forint ötven százalékkal több."
    """
    for _ in range(_MOST_PASSES):
        spoken = _spell_once(text)
        if spoken == text:
            break
        text = spoken
    return text


def unreadable(text: str) -> list[Unreadable]:
    """The places of `text` that have no reading and that `spell_out` leaves out."""
    return clean(text)[1]


def spell_out_checked(text: str) -> str:
    """`spell_out(text)`; `UnreadableText` if a part of it, or all, cannot be read aloud."""
    faults = unreadable(text)
    spoken = spell_out(text)
    if faults or not any(character.isalpha() for character in spoken):
        raise UnreadableText(text, faults)
    return spoken


def letters(text: str, language: str) -> str:
    """Text as it sounds: figures as words (Hungarian), lower case, letters only."""
    spoken = spell_out(text) if language == "hu" else text
    return re.sub(r"[\W_]+", "", spoken.lower())


def _spell_once(text: str) -> str:
    text, _ = clean(text)
    text = expand_abbreviations(text)
    if _FIGURE.search(text):
        text = spell_times(spell_dates(spell_codes(text)))
        text = spell_ordinals(spell_roman(text))
        text = spell_quantities(spell_figures(text))
    else:
        text = spell_roman(text)
    text = spell_letters(spell_acronyms(spell_units(text)))
    text = _SIGN.sub(lambda m: f" {SIGNS[m[0]]} ", text)
    for pattern, words in _TIDY:
        text = pattern.sub(words, text)
    return text.strip()


VOWELS = {
    "a": "ɒ", "á": "aː", "e": "ɛ", "é": "eː", "i": "i", "í": "iː", "o": "o", "ó": "oː",
    "ö": "ø", "ő": "øː", "u": "u", "ú": "uː", "ü": "y", "ű": "yː",
}  # fmt: skip
CONSONANTS = {
    "b": "b", "c": "ts", "cs": "tʃ", "d": "d", "dz": "dz", "dzs": "dʒ", "f": "f", "g": "ɡ",
    "gy": "ɟ", "h": "h", "j": "j", "k": "k", "l": "l", "ly": "j", "m": "m", "n": "n", "ny": "ɲ",
    "p": "p", "r": "r", "s": "ʃ", "sz": "s", "t": "t", "ty": "c", "v": "v", "z": "z", "zs": "ʒ",
}  # fmt: skip
FOREIGN = {"q": ("k", "v"), "w": ("v",), "x": ("k", "s"), "y": ("i",), "ä": ("ɛ",)}
PHONEMES = tuple(dict.fromkeys([*VOWELS.values(), *CONSONANTS.values()]))
"""The 14 vowels and 25 consonants of standard Hungarian."""

ALPHABET = "aábcdeéfghiíjklmnoóöőpqrstuúüűvwxyz"
"""Every letter of Hungarian text, case aside."""

_DOUBLED = {one[0] + one: one for one in CONSONANTS if len(one) > 1}  # "ssz" → "sz"
_LONGEST_FIRST = sorted([*_DOUBLED, *CONSONANTS, *VOWELS, *FOREIGN], key=len, reverse=True)
_SPELLING = re.compile("|".join(_LONGEST_FIRST))


def phonemes(text: str) -> list[str]:
    """The sounds of Hungarian text, figures read as words; a long consonant counts once."""
    found: list[str] = []
    for written in _SPELLING.findall(spell_out(text).lower()):
        if written in FOREIGN:
            found += FOREIGN[written]
        else:
            plain = _DOUBLED.get(written, written)
            found.append(VOWELS.get(plain) or CONSONANTS[plain])
    return found
