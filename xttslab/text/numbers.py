"""Spells integers and decimals as Hungarian numerals.

The numerals are num2words', with its faults corrected (0.5.14 says "tizenkettőezer" for 12 000,
"százkét" for 102 and "egymmilliomodik" for the millionth). Hyphens follow AkH. 289: numbers above
two thousand are divided at the thousands, "kétezer-huszonnégy".
"""

import re
from functools import lru_cache

# A whole number, grouped by spaces or dots or (English habit) commas, or not grouped. It begins
# and ends where the figures do, so that matching takes linear time.
INTEGER = (
    r"(?<![0-9])(?:[0-9]{1,3}(?: [0-9]{3})+(?![0-9])"
    r"|[0-9]{1,3}(?:\.[0-9]{3})+(?![0-9])"
    r"|[0-9]{1,3}(?:,[0-9]{3}){2,}(?![0-9])"
    r"|[0-9]{1,3},000(?![0-9])"
    r"|[0-9]+(?![0-9]))"
)
NUMBER = rf"{INTEGER}(?:[.,][0-9]+(?![0-9]))?"

# Longer runs of figures are codes, not quantities, and are read figure by figure.
_LONGEST_QUANTITY = 15

_DIGITS = ("nulla", "egy", "kettő", "három", "négy", "öt", "hat", "hét", "nyolc", "kilenc")
_ENGLISH_GROUPS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){2,}|[0-9]{1,3},000")
_ENGLISH_DECIMAL = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_DOTTED_GROUPS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")

# Decimal places have the names of fractions: 0,25 is "huszonöt század".
_PLACES = {1: "tized", 2: "század", 3: "ezred", 4: "tízezred", 5: "százezred", 6: "milliomod"}

# Last part of a cardinal → its fraction, from which the ordinal is made by adding -ik.
_PARTS = {
    "milliárd": "milliárdod",
    "millió": "milliomod",
    "billió": "billiomod",
    "kilencven": "kilencvened",
    "nyolcvan": "nyolcvanad",
    "hetven": "hetvened",
    "hatvan": "hatvanad",
    "ötven": "ötvened",
    "negyven": "negyvened",
    "harminc": "harmincad",
    "nulla": "nullad",
    "kilenc": "kilenced",
    "nyolc": "nyolcad",
    "három": "harmad",
    "kettő": "ketted",
    "húsz": "huszad",
    "száz": "század",
    "ezer": "ezred",
    "négy": "negyed",
    "egy": "egyed",
    "tíz": "tized",
    "hét": "heted",
    "hat": "hatod",
    "öt": "ötöd",
}


@lru_cache(maxsize=4096)
def cardinal(value: int) -> str:
    """`value` (0 … 10¹⁵ − 1) as a numeral that stands alone: 2024 → "kétezer-huszonnégy"."""
    # num2words loads all its languages, 40 ms that texts without figures should not pay.
    from num2words import num2words

    words = num2words(value, lang="hu")
    words = re.sub(r"kettő(?=ezer|száz|millió|milliárd|billió)", "két", words)
    words = re.sub(r"(^|-)ezerszáz", r"\1ezeregyszáz", words)  # 1100, as it is said
    return re.sub(r"két$", "kettő", words)


def attributive(words: str) -> str:
    """The form before a noun: "tizenkettő" → "tizenkét" (alma); other numerals do not change."""
    return words[: -len("kettő")] + "két" if words.endswith("kettő") else words


def part_of(words: str) -> str:
    """The fraction named after a numeral: "három" → "harmad", "száz" → "század"."""
    for last, part in _PARTS.items():
        if words.endswith(last):
            return words[: -len(last)] + part
    return words


def ordinal_of(words: str) -> str:
    """The ordinal of a numeral in words: "huszonhárom" → "huszonharmadik"."""
    return {"egy": "első", "kettő": "második"}.get(words) or part_of(words) + "ik"


def ordinal(value: int) -> str:
    """`value` (0 … 10¹⁵ − 1) as an ordinal: 1 → "első", 23 → "huszonharmadik"."""
    return ordinal_of(cardinal(value))


def read_figures(figures: str) -> str:
    """Figure by figure: "2024" → "kettő nulla kettő négy"."""
    return " ".join(_DIGITS[int(figure)] for figure in figures)


def read_integer(figures: str) -> str:
    """Ungrouped figures: a numeral; leading zeros are said, and codes are read by figures."""
    if len(figures) > _LONGEST_QUANTITY:
        return read_figures(figures)
    rest = figures.lstrip("0")
    zeros = len(figures) - len(rest)
    if not rest:
        return read_figures(figures)
    if zeros and len(rest) > 2:
        return read_figures(figures)
    return " ".join(["nulla"] * zeros + [cardinal(int(rest))])


def read_decimal(whole: str, places: str) -> str:
    """A decimal fraction: ("1", "5") → "egy egész öt tized"."""
    head = attributive(read_integer(whole))
    if len(places) not in _PLACES:
        return f"{head} egész {read_figures(places)}"
    tail = attributive(cardinal(int(places)))
    return f"{head} egész {tail} {_PLACES[len(places)]}"


def read_number(written: str) -> str:
    """A match of `NUMBER`, grouped or not, whole or decimal, as it stands alone."""
    figures = written.replace(" ", "")
    if _ENGLISH_GROUPS.fullmatch(figures):
        return read_integer(figures.replace(",", ""))
    if _ENGLISH_DECIMAL.fullmatch(figures):
        return read_decimal(*figures.replace(",", "").split("."))
    if "," in figures:
        whole, places = figures.rsplit(",", 1)
        return read_decimal(re.sub(r"[.,]", "", whole), places)
    if _DOTTED_GROUPS.fullmatch(figures) or "." not in figures:
        return read_integer(figures.replace(".", ""))
    whole, places = figures.rsplit(".", 1)
    whole = whole.replace(".", "")
    if not places.strip("0"):  # "2.0" is a version, not a measurement
        return f"{read_integer(whole)} pont {read_integer(places)}"
    return read_decimal(whole, places)


def is_year(written: str) -> bool:
    """Whether ungrouped figures look like a year (1000 … 2199), which never becomes "…két"."""
    return bool(re.fullmatch(r"1[0-9]{3}|2[01][0-9]{2}", written))
