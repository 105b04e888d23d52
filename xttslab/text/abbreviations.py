"""Expands abbreviations and spells acronyms and single letters: "pl." → "például", "MTA" → "emtéá".

The full stop of an abbreviation is kept only where it also ends the sentence.
"""

import re

from xttslab.text.characters import LETTER, LOWER, UPPER, ends_sentence, ends_text
from xttslab.text.suffixes import attach, is_suffix
from xttslab.text.words import (
    ACRONYM_LETTERS,
    ACRONYMS,
    CODAS,
    LETTERS,
    MONTHS,
    ONSETS,
    SMALL_ACRONYMS,
)

_WORD_START = rf"(?<![{LETTER}0-9'.-])"

# fmt: off
# Of these the full stop is only the abbreviation's: a sentence does not end in a title.
_OPEN = {
    "dr": "doktor", "id": "idősebb", "ifj": "ifjabb", "özv": "özvegy", "prof": "professzor",
    "szt": "szent", "br": "báró", "gr": "gróf", "mr": "miszter", "mrs": "misszisz",
    "pl": "például", "kb": "körülbelül", "ún": "úgynevezett", "ill": "illetve", "ld": "lásd",
    "vö": "vesd össze", "cca": "cirka", "ca": "cirka", "min": "minimum", "max": "maximum",
    "bp": "Budapest", "sgt": "sugárút", "ford": "fordította", "szerk": "szerkesztette",
    "szül": "született", "megh": "meghalt", "tel": "telefon", "ált": "általában", "ua": "ugyanaz",
    "uo": "ugyanott", "vs": "kontra", "tszf": "tengerszint feletti", "bek": "bekezdés",
}
# These may stand at the end of a sentence.
_CLOSING = {
    "stb": "satöbbi", "kft": "káefté", "bt": "bété", "zrt": "zéerté", "nyrt": "enyerté",
    "rt": "erté", "krt": "körút", "fszt": "földszint", "em": "emelet", "ker": "kerület",
    "isk": "iskola", "gimn": "gimnázium", "pu": "pályaudvar", "kp": "készpénz",
    "mo": "Magyarország", "évf": "évfolyam", "mp": "másodperc", "vmi": "valami", "vki": "valaki",
}
# fmt: on
_WORDS = _OPEN | _CLOSING
# Not words of the language, so understood without their full stop too.
_DOTLESS = ("dr", "kb", "pl", "stb", "ún")
# Letters, not titles: their capital is not the sentence's.
_SPELLED = frozenset({"kft", "bt", "zrt", "nyrt", "rt"})
# A company's abbreviation is often followed by a name: only such words show a new sentence.
_STARTERS = re.compile(
    r"\s+(?:A|Az|Ez|Ezt|Ezek|És|De|Ha|Hogy|Mert|Nem|Igen|Most|Itt|Ott|Mi|Ki|Melyik|Hol|Mikor|Egy"
    r"|Én|Ön|Köszönöm|Vagy|Tehát|Akkor)\b"
)
_DOTTED = re.compile(
    rf"{_WORD_START}({'|'.join(sorted(_WORDS, key=len, reverse=True))})"
    rf"\.(?!\.)(?:-([{LOWER}]+))?",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"{_WORD_START}({'|'.join(_DOTLESS)})(?![{LETTER}'-]|\.[{LETTER}])", re.IGNORECASE
)

# fmt: off
_MONTH_NAMES = {
    "jan": MONTHS[0], "febr": MONTHS[1], "feb": MONTHS[1], "márc": MONTHS[2], "ápr": MONTHS[3],
    "máj": MONTHS[4], "jún": MONTHS[5], "júl": MONTHS[6], "aug": MONTHS[7], "szept": MONTHS[8],
    "okt": MONTHS[9], "nov": MONTHS[10], "dec": MONTHS[11],
}
# fmt: on
_MONTH = re.compile(rf"{_WORD_START}({'|'.join(_MONTH_NAMES)})\.\s?(?=[0-9])", re.IGNORECASE)
_MONTH_GLUED = re.compile(rf"(?<=[0-9]\.)(?=(?:{'|'.join(_MONTH_NAMES)})\.)", re.IGNORECASE)
# What is written without a space: "Dr.Kiss", "pl.ez", "tel.06", "u.5"; not "Bp.en", a suffix.
_GLUED = re.compile(
    rf"{_WORD_START}({'|'.join(sorted(_WORDS, key=len, reverse=True))})\."
    rf"(?=([{LETTER}]+(?![{LETTER}.])|[{UPPER}]|[0-9]))",
    re.IGNORECASE,
)
_STREET_GLUED = re.compile(rf"(?<=[{LOWER}] )u\.(?=[0-9])")
_INFLECTED = (frozenset(_CLOSING) - {"stb"}) | {"bp", "sgt", "tel"}

# Abbreviations that are words or letters elsewhere, each with the neighbours that tell it apart.
_PHRASES = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"{_WORD_START}([Ii])\. ?e\.", "időszámításunk előtt"),
        (rf"{_WORD_START}([Ii])\. ?sz\.", "időszámításunk szerint"),
        (rf"{_WORD_START}([Ii])\. ?u\.", "időszámításunk után"),
        (rf"{_WORD_START}(K)r\. ?e\.", "Krisztus előtt"),
        (rf"{_WORD_START}(K)r\. ?u\.", "Krisztus után"),
        (rf"{_WORD_START}(n)\. ?é\.", "néhai"),
        (rf"{_WORD_START}(s)\. ?k\.", "saját kezűleg"),
        (rf"{_WORD_START}([Áá])lt\. isk\.", "általános iskola"),
        (rf"{_WORD_START}([Tt])i\.(?= [{LOWER}])", "tudniillik"),
        (rf"{_WORD_START}([Uu])i\.(?= [{LOWER}])", "ugyanis"),
        (rf"(?<=[{LOWER}] )(u)\.(?= [0-9])", "utca"),
        (rf"(?<=[{LETTER}\"] )(c)\.(?= [{LOWER}])", "című"),
        (rf"(?<=[0-9]\. )(o)(?:ld)?\.(?! [{UPPER}])", "oldal"),
        (r"(?<=[0-9] )(old)\.", "oldal"),
        (r"(?<=[0-9]\. )(old)\.", "oldal"),
    )
)


def expand_abbreviations(text: str) -> str:
    """`text` with every known abbreviation written out."""
    if "." in text:
        while (spaced := _GLUED.sub(_apart, text)) != text:  # again for "Prof.Dr.Kiss"
            text = spaced
        text = _STREET_GLUED.sub("u. ", _MONTH_GLUED.sub(" ", text))
        text = _MONTH.sub(lambda m: f"{_MONTH_NAMES[m[1].lower()]} ", text)
        for pattern, words in _PHRASES:
            text = pattern.sub(lambda m, words=words: _phrase(m, words), text)
        text = _DOTTED.sub(_word, text)
    return _BARE.sub(lambda m: _like(m[1], _WORDS[m[1].lower()]), text)


def keeps_sentence_open(word: str) -> bool:
    """Whether a word is a title or the like ("dr."), so that its full stop ends no sentence."""
    bare = word.strip("\"'„“»«()[]").lower()
    return bare.endswith(".") and bare[:-1] in _OPEN


def _apart(match: re.Match[str]) -> str:
    short, follows = match[1].lower(), match[2]
    suffixed = short in _INFLECTED and follows[0].islower() and is_suffix(follows)
    return match[0] if suffixed else f"{match[0]} "


def _phrase(match: re.Match[str], words: str) -> str:
    return _like(match[1], words) + ("." if ends_text(match.string, match.end()) else "")


def _word(match: re.Match[str]) -> str:
    short = match[1].lower()
    words = _WORDS[short] if short in _SPELLED else _like(match[1], _WORDS[short])
    if match[2]:
        return attach(words, match[2])
    return words + ("." if _keeps_stop(short, match) else "")


def _keeps_stop(short: str, match: re.Match[str]) -> bool:
    if ends_text(match.string, match.end()):
        return True
    if short in _OPEN:
        return False
    if short == "stb":
        return ends_sentence(match.string, match.end())
    return bool(_STARTERS.match(match.string, match.end()))


def _like(written: str, words: str) -> str:
    """`words` with the capital that the abbreviation had."""
    return words[0].upper() + words[1:] if written[0].isupper() else words


_VOWELS = "AÁEÉIÍOÓÖŐUÚÜŰ"
_DIGRAPH = "SZ|GY|NY|CS|ZS|TY"
_BEFORE = rf"(?<![{LETTER}'])"
_SUFFIX = rf"(?:-([{LOWER}]+))?"

_DOTTED_LETTERS = re.compile(rf"{_BEFORE}((?:[{UPPER}]\.){{2,}})(?![{LOWER}])")
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
    text = _EMAIL.sub("ímél", _DOTTED_LETTERS.sub(_dotted, text))
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
    if not tail and (word := _letter_word(letter, before, match.string, end)):
        return word + (mark or "")
    if mark == ")" and not before.endswith("("):
        mark = ":"
    # The full stop of an initial is not read: "J. K. Rowling"; answer letters keep theirs.
    if mark == "." and letter > "D" and re.match(rf" [{LETTER}]", match.string[match.end() :]):
        mark = ""
    return _join(LETTERS[letter], tail) + (mark or "")


def _letter_word(letter: str, before: str, text: str, end: int) -> str:
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
