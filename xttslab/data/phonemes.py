"""Hungarian text in, its phonemes out: which sounds a data set covers.

Hungarian spelling names its sounds almost one to one; the rules here follow it letter by letter
(IPA symbols, inventory after P. Siptár & M. Törkenczy, "The Phonology of Hungarian", 2000).
Assimilation across letters (`népdal` as `nébdal`) is left out: it moves counts, not coverage.
"""

from __future__ import annotations

import re

from xttslab.data.hungarian import spell_out

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

_DOUBLED = {letters[0] + letters: letters for letters in CONSONANTS if len(letters) > 1}
_SPELLINGS = sorted([*_DOUBLED, *CONSONANTS, *VOWELS, *FOREIGN], key=lambda letters: -len(letters))
_LETTERS = re.compile("|".join(_SPELLINGS))


def phonemes(text: str) -> list[str]:
    """The sounds of Hungarian text, figures read as words; a long consonant counts once."""
    found: list[str] = []
    for letters in _LETTERS.findall(spell_out(text).lower()):
        if letters in FOREIGN:
            found += FOREIGN[letters]
        else:
            plain = _DOUBLED.get(letters, letters)
            found.append(VOWELS.get(plain) or CONSONANTS[plain])
    return found
