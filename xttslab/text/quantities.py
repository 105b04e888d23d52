"""Spells counts, ranges, money and units with their scales ("40 M Ft") and suffixes ("50%-kal")."""

import re

from xttslab.text.characters import LETTER, LOWER
from xttslab.text.numbers import (
    NUMBER,
    attributive,
    is_year,
    read_integer,
    read_number,
)
from xttslab.text.suffixes import attach, attach_to_number, is_suffix, people
from xttslab.text.words import CENTS, SCALES, SIMPLE_UNITS, UNITS, UNITS_ALONE

_END = rf"(?![{LETTER}0-9])"
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_PER = UNITS | {"s": "másodperc"}
_MONEY = r"(?:Ft|HUF|€|EUR|\$|USD|£|GBP|forint|euró|dollár)"
# Not a number already in words after another one: "ezerkilencszáz…".
_SCALE_WORD = (
    "(?:ezer|ezres|millió|milliárd|billió)(?!-|száz|egy|ket|két|három|négy|öt|hat|hét|nyolc|kilenc|tíz"
    "|tizen|húsz|huszon|harminc|nyolcvan)"
)
_QUANTITY = re.compile(
    rf"(?P<sign>(?<![{LETTER}0-9.,)])[-–−])?"
    rf"(?P<first>{NUMBER})"
    rf"(?:\s?[–-]\s?(?P<second>{NUMBER}))?"
    rf"(?P<glue>\s(?={_SCALE_WORD}))?"
    rf"(?:\s?(?P<scale>{'|'.join(SCALES)})(?=\s?{_MONEY})|(?P<short>M|Mrd|mrd){_END})?"
    rf"(?:\s?(?P<unit>{_UNIT})(?:/(?P<per>{_UNIT}|s))?(?:{_END}|(?<=[%€$])))?"
    rf"(?:-(?P<suffix>[{LOWER}]+)|(?(glue)(?!)|(?P<joined>[{LOWER}]+)))?"
)
_ALONE = re.compile(
    rf"(?<![{LETTER}0-9/'])({'|'.join(re.escape(unit) for unit in UNITS_ALONE)})"
    rf"(?:/({_UNIT}|s))?(?:-([{LOWER}]+)|(?<=%)([{LOWER}]+))?{_END}"
)
# A numeral before these does not count them: "a 2 vagy a 3", not "két vagy".
_NOT_COUNTED = re.compile(
    r"\s(?!és (?:fél|negyed|háromnegyed)\b)(?:és|vagy|meg|az?|is|ha|de|hogy|van|volt|lesz"
    r"|lett|lenne|nem|sem|után|előtt|között|közt"
    r"|alatt|felett|fölött|körül|helyett|óta|felé|szerint|mint|pedig|tehát|vagyis|azaz|illetve"
    r"|plusz|mínusz|per|egyenlő|osztva|mert|akkor|már|még|csak|néha|ellen|ellenében|kell|egész)\b"
)
_NOUN = re.compile(rf"\s[{LOWER}]")
_WHOLE = re.compile(r"[0-9]+(?:[ .][0-9]{3})*")
_CENTS = re.compile(r"([0-9 .]+),([0-9]{2})")
_BETWEEN = re.compile(r" köz(?:ött|t|ötti|ti)\b")
_SIMPLE_NUMERAL = re.compile(
    "(?:egy|két|három|négy|öt|hat|hét|nyolc|kilenc|tíz|húsz|harminc|negyven|ötven|hatvan|hetven"
    "|nyolcvan|kilencven|száz|ezer)$"
)
_ADJECTIVE = re.compile(r"[aeoöá]?s")


def spell_quantities(text: str) -> str:
    """Every number left in `text`, with sign, unit and suffix; no figure is left after it."""
    return _QUANTITY.sub(_quantity, text)


def spell_units(text: str) -> str:
    """Units that no number goes before: "%-ban" → "százalékban", "a km-ek" → "a kilométerek"."""
    return _ALONE.sub(_unit_alone, text)


def _quantity(match: re.Match[str]) -> str:
    suffix, joined = match["suffix"], match["joined"]
    if joined and len(joined) > 1 and is_suffix(joined):
        suffix, joined = joined, None
    words = _money(match, suffix) or _counted(match, suffix)
    return f"{'mínusz ' if match['sign'] else ''}{words}{' ' + joined if joined else ''}"


def _counted(match: re.Match[str], suffix: str | None) -> str:
    """A number or range with its scale and unit."""
    unit, glue = match["unit"], match["glue"]
    scale = SCALES.get(match["scale"] or match["short"] or "", "")
    counting = bool(unit or scale or glue) or _counts(match)
    words = _range(match, suffix, counting) if match["second"] else read_number(match["first"])
    words = attributive(words) if counting else words
    if scale or glue:  # "kétmillió" is one word, "két egész öt tized millió" is not
        whole = _WHOLE.fullmatch(match["first"]) and not match["second"]
        words += ("" if whole else " ") + scale
    if unit:
        return _with_unit(words, _unit_name(unit, match["per"]), suffix)
    if not suffix:
        return words
    short = match["first"].isdigit() and len(match["first"]) < 3 and not match["second"]
    return attach_to_number(words, suffix, int(match["first"]) if short and not scale else None)


def _counts(match: re.Match[str]) -> bool:
    """Whether the number stands before the noun that it counts."""
    if match["suffix"]:
        return False
    if match["joined"]:
        return not is_suffix(match["joined"])
    text, end = match.string, match.end()
    if is_year(match["first"]) or _NOT_COUNTED.match(text, end):
        return False
    return bool(_NOUN.match(text, end))


def _range(match: re.Match[str], suffix: str | None, counting: bool) -> str:
    """The two numbers of "2-3": "kettő-három", "két-három" (alma); years "…-től …-ig"."""
    first, second = match["first"], match["second"]
    low, high = read_number(first), read_number(second)
    years = is_year(first) and (is_year(second) or len(second) == 2)
    if years and not match["unit"] and not suffix:
        if _BETWEEN.match(match.string, match.end()):
            return f"{low} és {high}"
        return f"{attach_to_number(low, 'tól')} {attach_to_number(high, 'ig')}"
    if suffix in ("an", "en"):
        return f"{people(low)}-{high}"
    rising = first.isdigit() and second.isdigit() and int(first) <= int(second)
    times = bool(suffix) and suffix.startswith(("szor", "szer", "ször"))
    if match["unit"] or (rising and (counting or times)):
        low = attributive(low)
    return f"{low}-{high}"


def _money(match: re.Match[str], suffix: str | None) -> str:
    """An amount with its cents: "1,99 €" → "egy euró kilencvenkilenc cent"; else empty."""
    unit = match["unit"]
    amount = _CENTS.fullmatch(match["first"]) if unit in CENTS and not match["second"] else None
    if amount is None or match["per"] or match["scale"]:
        return ""
    whole = attributive(read_number(amount[1]))
    cents = attributive(read_integer(amount[2].lstrip("0") or "0"))
    last = attach(CENTS[unit], suffix) if suffix else CENTS[unit]
    return f"{whole} {UNITS[unit]} {cents} {last}"


def _unit_alone(match: re.Match[str]) -> str:
    unit, per, *suffixes = match.groups()
    suffix = suffixes[0] or suffixes[1]
    return attach(_unit_name(unit, per), suffix) if suffix else _unit_name(unit, per)


def _unit_name(unit: str, per: str | None) -> str:
    return f"{UNITS[unit]} per {_PER[per]}" if per else UNITS[unit]


def _with_unit(words: str, unit: str, suffix: str | None) -> str:
    if not suffix:
        return f"{words} {unit}"
    simple = unit in SIMPLE_UNITS and _SIMPLE_NUMERAL.match(words) and _ADJECTIVE.match(suffix)
    return f"{words}{'' if simple else ' '}{attach(unit, suffix)}"
