"""Text with acronyms and single letters comes in, the names of the letters go out.

Answer letters are written as they are said ("B." → "bé.", "az A-t" → "az át"): the model sees
small letters only, in which the answer "A" would be the article "a". They are never taken for
abbreviations. A capital A is the article only where Hungarian allows it: at the start of a
sentence or title, before a word that begins with a consonant; everything else is the letter.
"""

import re

from xttslab.data.hungarian_characters import LETTER, LOWER, UPPER, ends_text
from xttslab.data.hungarian_suffixes import attach, is_suffix
from xttslab.data.hungarian_tables import (
    ACRONYM_LETTERS,
    ACRONYMS,
    CODAS,
    LETTERS,
    ONSETS,
    SMALL_ACRONYMS,
)

_VOWELS = "AÁEÉIÍOÓÖŐUÚÜŰ"
_DIGRAPH = "SZ|GY|NY|CS|ZS|TY"
_BEFORE = rf"(?<![{LETTER}'])"
_SUFFIX = rf"(?:-([{LOWER}]+))?"

_DOTTED = re.compile(rf"{_BEFORE}((?:[{UPPER}]\.){{2,}})(?![{LOWER}])")
_EMAIL = re.compile(rf"{_BEFORE}[Ee]-?mail")
_ACRONYM = re.compile(rf"{_BEFORE}([{UPPER}]{{2,}}){_SUFFIX}(?![{LETTER}'])")
_SMALL = re.compile(
    rf"{_BEFORE}({'|'.join(re.escape(a) for a in sorted(SMALL_ACRONYMS, key=len, reverse=True))})"
    rf"{_SUFFIX}(?![{LETTER}'])",
    re.IGNORECASE,
)
_LETTER_OR_DIGRAPH = re.compile(rf"{_DIGRAPH}|[{UPPER}]")
_CLUSTERS = re.compile(rf"([^{_VOWELS}]*)(?=[{_VOWELS}]).*?([^{_VOWELS}]*)$")
_ONE_CONSONANT = re.compile(r"(.)\1[SZY]?|(?:[GLNT]Y|[CZ]S|SZ)")
# Longer capital words are shouted, not spelled.
_LONGEST_ACRONYM = 5

_SINGLE = re.compile(rf"{_BEFORE}([A-Z]){_SUFFIX}(?![{LETTER}'])(\.(?!\.)|\))?")
_SMALL_LETTER = re.compile(rf"(?<![{LETTER}'-])([bcdfghjklmnpqrtvwxyz]){_SUFFIX}(?![{LETTER}'-])")
_SMALL_LISTED = re.compile(rf"(?<![{LETTER}'(-])([a-h])\)")

_ONE_LETTER_WORDS = "ES"  # "E szó", "S akkor": at the start of a sentence
_LETTER_A_AFTER = re.compile(
    rf"\"|\s?(?:$|[:.)!?;,/])|\s[–-]\s|\s[{_VOWELS}{_VOWELS.lower()}]"
    rf"|\s(?:vagy|és|meg) [A-H](?![{LETTER}])|\s(?:mint|lesz|legyen|marad|jelű)\b"
)
_NAME = re.compile(rf"\s[{UPPER}][{LOWER}]")
_ASKED = re.compile(
    r"(?:\b(?:[Aa]z|és|vagy|válasz|marad|maradok|legyen|szerintem|[a-d]é|á),?|[,:/-])\s?$"
)
_SHOUTED = re.compile(rf"[{UPPER}]{{2,}},?$")
# "A Bécs, B Prága, C Róma": the first of a list of answers.
_ANSWER_LIST = re.compile(rf"\s[{UPPER}0-9][^.!?]*[,;] B [{UPPER}0-9]")


def spell_acronyms(text: str) -> str:
    """Acronyms: "MTA" → "emtéá", "NATO-nak" → "nátónak"; capital words are left alone."""
    text = _EMAIL.sub("ímél", _DOTTED.sub(_dotted, text))
    text = _SMALL.sub(lambda m: _join(SMALL_ACRONYMS[m[1].lower()], m[2]), text)
    return _ACRONYM.sub(_acronym, text)


def spell_letters(text: str) -> str:
    """Single letters: "B-vel" → "bével", "C:" → "cé:", "az A." → "az á."."""
    text = _SMALL_LISTED.sub(lambda m: f"{LETTERS[m[1].upper()]}:", text)
    text = _SINGLE.sub(_single, text)
    return _SMALL_LETTER.sub(lambda m: _join(LETTERS[m[1].upper()], m[2]), text)


def _join(words: str, tail: str | None) -> str:
    """A suffix is attached; a word keeps its hyphen ("cé-vitamin")."""
    if not tail:
        return words
    return attach(words, tail) if is_suffix(tail) else f"{words}-{tail}"


def _dotted(match: re.Match[str]) -> str:
    return match[1].replace(".", "") + ("." if ends_text(match.string, match.end()) else "")


def _acronym(match: re.Match[str]) -> str:
    word, tail = match.groups()
    if word in ACRONYMS:
        return _join(ACRONYMS[word], tail)
    if len(word) > _LONGEST_ACRONYM or _pronounceable(word):
        # A capital word with a suffix is a name read as a word; without one it may be shouted.
        return _join(word.lower(), tail) if tail and is_suffix(tail) else match[0]
    return _join("".join(ACRONYM_LETTERS[x] for x in _LETTER_OR_DIGRAPH.findall(word)), tail)


def _pronounceable(word: str) -> bool:
    """Whether a capital word could be a Hungarian one: a vowel, and known clusters around."""
    clusters = _CLUSTERS.match(word)
    if clusters is None or "Q" in word:
        return False
    return all(
        len(cluster) < 2 or cluster.lower() in known or _ONE_CONSONANT.fullmatch(cluster)
        for cluster, known in zip(clusters.groups(), (ONSETS, CODAS), strict=True)
    )


def _single(match: re.Match[str]) -> str:
    letter, tail, mark = match.groups()
    before, end = match.string[: match.start()], match.end() - len(mark or "")
    if not tail and (word := _word(letter, before, match.string, end)):
        return word + (mark or "")
    if mark == ")" and not before.endswith("("):
        mark = ":"
    # The full stop of an initial is not read: "J. K. Rowling"; answer letters keep theirs.
    if mark == "." and letter > "D" and re.match(rf" [{LETTER}]", match.string[match.end() :]):
        mark = ""
    return _join(LETTERS[letter], tail) + (mark or "")


def _word(letter: str, before: str, text: str, end: int) -> str:
    """The word of one letter, like the article, that a capital is; empty for a letter."""
    quoted = before.endswith(('"', "('", " '"))
    spoken = before[-40:].rstrip(" ('\"–-")
    starts = not spoken or spoken[-1] in ".!?:"
    if letter in _ONE_LETTER_WORDS:
        return letter if starts and re.match(rf"\s[{LOWER}]", text[end:]) else ""
    if letter != "A" or (_LETTER_A_AFTER.match(text, end) and not text.startswith("...", end)):
        return ""
    if _SHOUTED.search(spoken) and not _LETTER_A_AFTER.match(text, end):
        return "A"
    if starts:
        return "" if _ANSWER_LIST.match(text, end) else "A"
    # A title inside of a sentence; its article must stay one when the quotation marks are gone.
    title = quoted or (_NAME.match(text, end) and not _ASKED.search(before[-20:]))
    return "a" if title else ""
