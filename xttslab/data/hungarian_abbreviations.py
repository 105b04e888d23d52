"""Text with abbreviations comes in, the words they stand for go out, with their full stop kept
only where it also ends the sentence.
"""

import re

from xttslab.data.hungarian_characters import LETTER, LOWER, UPPER, ends_sentence, ends_text
from xttslab.data.hungarian_suffixes import attach, is_suffix
from xttslab.data.hungarian_tables import MONTHS

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
