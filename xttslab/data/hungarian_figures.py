"""Text with figures that are no plain quantity comes in: telephone numbers, lists, versions, sums,
fractions, model names. What is a word goes out as one, what is a quantity in a form that
`hungarian_quantities` reads.
"""

import re

from xttslab.data.hungarian_characters import LETTER, LOWER, UPPER
from xttslab.data.hungarian_numbers import (
    NUMBER,
    attributive,
    cardinal,
    part_of,
    read_integer,
    read_number,
)
from xttslab.data.hungarian_suffixes import attach, attach_to_number
from xttslab.data.hungarian_tables import LETTERS, SIGNS

_END = rf"(?![{LETTER}0-9])"
_SUFFIX = rf"(?:-([{LOWER}]+))?"
_START = r"(?<![0-9.,/])"

_PHONE = re.compile(
    r"(?<![0-9+])(\+36|06)[ /-]?(1|[2-9][0-9])[ /-]?([0-9]{3})[ -]?([0-9]{2})[ -]?([0-9]{1,2})"
    rf"(?![0-9]){_SUFFIX}"
)
_DECADE = re.compile(rf"'(?=[0-9]{{2}}-[{LOWER}])")
_TIGHT = re.compile(rf"(?<=[0-9]\.)(?=[{LOWER}]{{2}})")
_COMMA_LIST = re.compile(rf"{_START}[0-9]+(?:,[0-9]+){{2,}}(?![0-9])")
_DOTTED_CODE = re.compile(rf"{_START}[0-9]+(?:\.[0-9]+){{2,}}(?![0-9])")
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")
_PRICE_DASH = re.compile(r"(?<=[0-9])[,.][-–]+(?=\s|$)")

_SQUARE = re.compile(rf"(?<![{LETTER}])([kcd]?m)([23]){_END}")
_POWERS = {"2": "²", "3": "³"}
_CLASS = re.compile(rf"(?<![0-9])([0-9]+)(?:\.|/|\./)([{UPPER}a-d]){_END}")
_MODEL = re.compile(rf"(?<![{LETTER}'])([A-Z])[–-]?(?=[0-9])")
_LETTER_FIRST = re.compile(rf"(?<=[{LETTER}])[–-]?(?=[0-9])")
_LETTER_AFTER = re.compile(rf"(?<=[0-9])-?(?=[{UPPER}])")
_MONEY_FIRST = re.compile(rf"([$€£¥])\s?({NUMBER})")

_FRACTION = re.compile(
    rf"(?:{_START}([0-9]+) )?{_START}([0-9]{{1,3}})/([0-9]{{1,4}})(?![0-9/]){_SUFFIX}"
)
_HOUR_AFTER = re.compile(r" [0-9]{1,2}(?:-|$| )")  # "1/4 9-kor"
# Other denominators are not fractions in speech: 24/7, 2023/24.
_NAMED_DENOMINATORS = frozenset({*range(2, 11), 12, 16, 20, 50, 100, 1000})
_DIVIDED = re.compile(r"(?<![0-9])([0-9]+)\s?:\s?([0-9]+)(?=\s?=)")
_TIMES = re.compile(rf"({NUMBER})\s?(?:×|x{_END}){_SUFFIX}\s?")
_MINUS = re.compile(rf"({NUMBER})\s[-–−]\s(?={NUMBER}\s?=)|({NUMBER})\s?−\s?(?=[0-9])")


def spell_codes(text: str) -> str:
    """Telephone numbers and lists, which would otherwise be taken for dates and decimals."""
    text = _DIVIDED.sub(r"\1 osztva \2-vel", text)
    text = _TIGHT.sub(" ", _DECADE.sub("", _PHONE.sub(_phone, text)))
    return _COMMA_LIST.sub(
        lambda m: m[0] if _GROUPED.fullmatch(m[0]) else m[0].replace(",", ", "), text
    )


def spell_figures(text: str) -> str:
    """Versions, model names, fractions and sums: "3/4" → "háromnegyed", "5×5" → "ötször 5"."""
    text = _PRICE_DASH.sub("", text)
    text = _DOTTED_CODE.sub(lambda m: m[0] if _GROUPED.fullmatch(m[0]) else _code(m[0]), text)
    text = _SQUARE.sub(lambda m: m[1] + _POWERS[m[2]], text)
    text = _CLASS.sub(lambda m: f"{read_integer(m[1])} {m[2].upper()}", text)
    text = _MODEL.sub(lambda m: f"{LETTERS[m[1]]} ", text)
    text = _LETTER_FIRST.sub(" ", text)
    text = _LETTER_AFTER.sub(" ", text)
    text = _MONEY_FIRST.sub(r"\2 \1", text)
    text = _FRACTION.sub(_fraction, text)
    text = _MINUS.sub(lambda m: f"{m[1] or m[2]} mínusz ", text)
    text = _TIMES.sub(_times, text)
    for sign in "+=±÷":
        text = text.replace(sign, f" {SIGNS[sign]} ")
    return text


def _phone(match: re.Match[str]) -> str:
    prefix, area, *groups, suffix = match.groups()
    start = "plusz harminchat" if prefix == "+36" else "nulla hat"
    number = " ".join(read_integer(group) for group in groups)
    number = attach_to_number(number, suffix) if suffix else number
    return f"{start}, {cardinal(int(area))}, {number}"


def _code(written: str) -> str:
    return " pont ".join(read_integer(part) for part in written.split("."))


def _times(match: re.Match[str]) -> str:
    return f"{attach_to_number(read_number(match[1]), 'szor')}{match[2] or ''} "


def _fraction(match: re.Match[str]) -> str:
    whole, above, below, suffix = match.groups()
    lead = attributive(read_integer(whole)) if whole else ""
    if int(below) not in _NAMED_DENOMINATORS or not 0 < int(above) < int(below):
        last = read_integer(below)
        last = attach_to_number(last, suffix) if suffix else last
        return f"{lead} {read_integer(above)} per {last}".lstrip()
    if (above, below) == ("1", "4") and _HOUR_AFTER.match(match.string, match.end()):
        return "negyed"
    if (above, below) == ("1", "2"):
        words = {"": "fél", "egy": "másfél"}.get(lead, f"{lead} és fél")
        if words == "fél" and suffix and suffix[0] in "eé":  # its half is "fele", not "félje"
            return f"fel{suffix}"
    else:
        part = part_of(cardinal(int(below)))
        if not (whole and above == "1"):  # "két és negyed", but "egynegyed" alone
            part = attributive(cardinal(int(above))) + part
        words = f"{lead} és {part}" if whole else part
    return attach(words, suffix) if suffix else words
