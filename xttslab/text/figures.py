"""Spells dates, clock times, telephone numbers, fractions and sums that are written in figures.

Years are cardinals ("ezerkilencszázötvenhat"), days are ordinals with the possessive that the
figures leave out: "október 23-án" → "október huszonharmadikán", "május 1." → "május elseje".
"""

import re

from xttslab.text.characters import LETTER, LOWER, UPPER, ends_sentence
from xttslab.text.numbers import (
    NUMBER,
    attributive,
    cardinal,
    part_of,
    read_integer,
    read_number,
)
from xttslab.text.suffixes import attach, attach_to_number, day_of_month
from xttslab.text.words import LETTERS, MONTHS, SIGNS

_MONTH = "(?:" + "|".join(f"[{m[0].upper()}{m[0]}]{m[1:]}" for m in MONTHS) + ")"
_SUFFIX = rf"(?:-([{LOWER}]+))?"
_DAY = r"(0?[1-9]|[12][0-9]|3[01])"

_NUMERIC = re.compile(
    rf"(?<![0-9.])([12][0-9]{{3}})(?:\. ?|-|/)(0?[1-9]|1[0-2]|[IVX]{{1,4}}\b)(?:\. ?|-|/){_DAY}"
    rf"(?![0-9])(\.?){_SUFFIX}"
)
_ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
# A year before these is a cardinal, full stop or not: "1956. október", "2024 nyarán".
_YEAR = re.compile(
    rf"(?<![0-9.,])([12]?[0-9]{{3}})\.?(?= (?:{_MONTH}|évi\b|tavasz|nyar|nyár|ősz|tel[eé]|tél"
    r"|elej|vég|közep|első|második|harmadik|negyedik|karácsony|húsvét))"
)
_MONTH_DAYS = re.compile(rf"({_MONTH}) {_DAY}\.? ?[–-] ?{_DAY}(?![0-9])(\.?){_SUFFIX}")
_MONTH_DAY = re.compile(
    rf"({_MONTH}) {_DAY}(?![0-9:]|\.[0-9]|,[0-9])(\.?){_SUFFIX}(?! (?:óra|perc))"
)

_HOUR = "(?:[01]?[0-9]|2[0-4])"
_MINUTE = "[0-5][0-9]"
_CLOCK = re.compile(
    rf"(?<![0-9:.,])({_HOUR}):({_MINUTE})(?::({_MINUTE}))?(?![0-9:])"
    rf"(?: óra(?=kor))?{_SUFFIX}"
)
_CLOCK_RANGE = re.compile(
    rf"(?<![0-9:.,])({_HOUR}:{_MINUTE}) ?[–-] ?({_HOUR}:{_MINUTE})(?![0-9:-])"
)
# With a dot only where the words around say that it is the time.
_DOTTED_CLOCK = re.compile(
    rf"(?<![0-9:.,])({_HOUR})\.({_MINUTE})()(?![0-9:.])(?:-(kor)\b| (?:óra)?(kor|órakor)\b)"
)
_SCORE = re.compile(rf"(?<![0-9:.,])([0-9]{{1,2}}):([0-9]{{1,2}})(?![0-9:]|[.,][0-9]){_SUFFIX}")


def spell_dates(text: str) -> str:
    """Dates: "2024. 10. 23-án" → "kétezer-huszonnégy október huszonharmadikán"."""
    text = _NUMERIC.sub(_numeric, text)
    text = _YEAR.sub(lambda m: cardinal(int(m[1])), text)
    text = _MONTH_DAYS.sub(_month_days, text)
    return _MONTH_DAY.sub(_month_day, text)


def spell_times(text: str) -> str:
    """Clock times and scores: "20:00-kor" → "húsz órakor", "3:2" → "három-kettő"."""
    if ":" in text:
        text = _CLOCK_RANGE.sub(r"\1-tól \2-ig", text)
        text = _CLOCK.sub(_clock, text)
        text = _SCORE.sub(_score, text)
    return _DOTTED_CLOCK.sub(_clock, text)


def _stop(match: re.Match[str], written: str) -> str:
    return "." if written and ends_sentence(match.string, match.end()) else ""


def _numeric(match: re.Match[str]) -> str:
    year, month, day, stop, suffix = match.groups()
    if month.isdigit():
        name = MONTHS[int(month) - 1]
    elif month in _ROMAN_MONTHS:
        name = MONTHS[_ROMAN_MONTHS.index(month)]
    else:
        return match[0]
    spoken = f"{cardinal(int(year))} {name} {day_of_month(int(day), suffix or '')}"
    return spoken if suffix else spoken + _stop(match, stop)


def _month_days(match: re.Match[str]) -> str:
    month, first, last, stop, suffix = match.groups()
    spoken = f"{month} {cardinal(int(first))}-{day_of_month(int(last), suffix or '')}"
    return spoken if suffix else spoken + _stop(match, stop)


def _month_day(match: re.Match[str]) -> str:
    month, day, stop, suffix = match.groups()
    # "május 5 napja": without a full stop or a suffix the number may count what follows.
    if not stop and not suffix and re.match(rf" ?[{LETTER}%]", match.string[match.end() :]):
        return match[0]
    spoken = f"{month} {day_of_month(int(day), suffix or '')}"
    return spoken if suffix else spoken + _stop(match, stop)


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, *suffixes = match.groups()
    suffix = next((s for s in suffixes if s), "").removeprefix("óra")
    hours = attributive(cardinal(int(hour)))
    if second:
        parts = f"{hours} óra {attributive(cardinal(int(minute)))} perc"
        parts = f"{parts} {attributive(cardinal(int(second)))}"
        return f"{parts} {attach('másodperc', suffix) if suffix else 'másodperc'}"
    if not int(minute):
        return f"{hours} {attach('óra', suffix) if suffix else 'óra'}"
    minutes = cardinal(int(minute))
    return f"{hours} óra {attach_to_number(minutes, suffix) if suffix else minutes}"


def _score(match: re.Match[str]) -> str:
    first, second, suffix = match.groups()
    last = cardinal(int(second))
    return f"{cardinal(int(first))}-{attach_to_number(last, suffix) if suffix else last}"


_END = rf"(?![{LETTER}0-9])"
_START = r"(?<![0-9.,/])"

_PHONE = re.compile(
    r"(?<![0-9+])\(?(\+36|00 ?36|06)[ /-]*\(?(1|[2-9][0-9])\)?[ /-]*"
    r"([0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}|[0-9]{3}[ -]?[0-9]{3}|[0-9]{2}(?:[ -][0-9]{2}){2})"
    rf"(?![0-9]){_SUFFIX}"
)
_ABROAD = re.compile(
    r"(?<![0-9+:.,])(\+|00 ?)([1-9](?:[ /()-]{0,2}[0-9]){7,14})(?![0-9])"
    rf"(?!\s?(?:[%€$£]|Ft|HUF|EUR|USD|forint|euró|dollár)){_SUFFIX}"
)
_COUNTRY = re.compile(
    r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2}"
)  # E.164
_PHONE_PREFIX = {"+": "plusz", "00": "nulla nulla", "06": "nulla hat"}
_PHONE_DIGITS = range(8, 16)
_DECADE = re.compile(rf"'(?=[0-9]{{2}}-[{LOWER}])")
_TIGHT = re.compile(rf"(?<=[0-9]\.)(?=[{LOWER}]{{2}})")
_COMMA_LIST = re.compile(rf"{_START}[0-9]+(?:,[0-9]+){{2,}}(?![0-9])")
_DOTTED_CODE = re.compile(rf"{_START}[0-9]+(?:\.[0-9]+){{2,}}(?![0-9]){_SUFFIX}")
# A version that touches its name: "USB3.0", "PHP8.2-vel"; 4x1.5 is a product.
_VERSION = re.compile(rf"(?<=[{LETTER}])(?<![0-9]x)[0-9]+\.[0-9]+(?![0-9]|[.,][0-9]){_SUFFIX}")
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")
_PRICE_DASH = re.compile(r"(?<=[0-9])[,.][-–]+(?=\s|$|Ft|HUF)")
_APOSTROPHES = re.compile(r"(?<![0-9])[0-9]{1,3}(?:'[0-9]{3})+(?![0-9])")
# Forints have no thousandths.
_THOUSANDS = re.compile(r"(?<![0-9.,])([0-9]{1,3}),([0-9]{3})(?=\s?(?:Ft|HUF|forint))")

_SQUARE = re.compile(rf"(?<![{LETTER}])([kcd]?m)([23]){_END}")
_POWERS = {"2": "²", "3": "³"}
_CLASS = re.compile(rf"(?<![0-9])([0-9]+)(?:\.|/|\./)([{UPPER}a-d]){_END}")
_MODEL = re.compile(rf"(?<![{LETTER}0-9'])([A-Z])[–-]?(?=[0-9])")
_LETTER_FIRST = re.compile(rf"(?<=[{LETTER}])[–-]?(?=[0-9])")
_LETTER_AFTER = re.compile(rf"(?<=[0-9])-?(?=[{UPPER}])")
_MONEY_FIRST = re.compile(
    rf"(?<![{LETTER}0-9])(?<![0-9] )(?:US)?"
    r"([$€£¥]|(?:EUR|USD|HUF|GBP|CHF|RON|PLN|CZK|Ft)(?=[ 0-9]))"
    rf"\s?({NUMBER})(?:\s?(ezer|millió|milliárd|billió|M(?:rd)?(?![{LETTER}]))([{LOWER}]*))?"
)

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
    text = _ABROAD.sub(_abroad, _PHONE.sub(_phone, text))
    text = _APOSTROPHES.sub(lambda m: m[0].replace("'", " "), text)
    text = _THOUSANDS.sub(r"\1 \2", text)
    text = _TIGHT.sub(" ", _DECADE.sub("", text))
    return _COMMA_LIST.sub(
        lambda m: m[0] if _GROUPED.fullmatch(m[0]) else m[0].replace(",", ", "), text
    )


def spell_figures(text: str) -> str:
    """Versions, model names, fractions and sums: "3/4" → "háromnegyed", "5×5" → "ötször 5"."""
    text = _PRICE_DASH.sub("", text)
    text = _VERSION.sub(_code, _DOTTED_CODE.sub(_code, text))
    text = _SQUARE.sub(lambda m: m[1] + _POWERS[m[2]], text)
    text = _CLASS.sub(lambda m: f"{read_integer(m[1])} {m[2].upper()}", text)
    text = _MODEL.sub(lambda m: f"{LETTERS[m[1]]} ", text)
    text = _LETTER_FIRST.sub(" ", text)
    text = _LETTER_AFTER.sub(" ", text)
    text = _MONEY_FIRST.sub(_money_last, text)
    text = _FRACTION.sub(_fraction, text)
    text = _MINUS.sub(lambda m: f"{m[1] or m[2]} mínusz ", text)
    text = _TIMES.sub(_times, text)
    for sign in "+=±÷":
        text = text.replace(sign, f" {SIGNS[sign]} ")
    return text


def _phone(match: re.Match[str]) -> str:
    prefix, area, local, suffix = match.groups()
    start = _PHONE_PREFIX[prefix[0] if prefix[0] == "+" else prefix[:2]]
    start += "" if prefix == "06" else " harminchat"
    number = _digits_in_groups(re.sub("[ -]", "", local), suffix)
    return f"{start}, {cardinal(int(area))}, {number}"


def _abroad(match: re.Match[str]) -> str:
    """A telephone number of another country, or what only looks like one as it was."""
    prefix, written, suffix = match.groups()
    digits = re.sub("[^0-9]", "", written)
    grouped = re.fullmatch(r"[0-9]{1,3}(?: [0-9]{3})+", written) and len(digits) < 10
    country = _COUNTRY.match(digits)
    if country is None or len(digits) not in _PHONE_DIGITS or (prefix == "+" and grouped):
        return match[0]
    groups = re.findall("[0-9]+", written)
    if groups[0] == country[0] and all(len(group) > 1 for group in groups[2:]):
        parts = [_digits_in_groups(group, "") for group in groups[1:]]
        number = " ".join(parts)
        number = attach_to_number(number, suffix) if suffix else number
    else:
        number = _digits_in_groups(digits[country.end() :], suffix)
    return f"{_PHONE_PREFIX[prefix.strip()]} {cardinal(int(country[0]))}, {number}"


def _digits_in_groups(digits: str, suffix: str | None) -> str:
    """Telephone digits as they are said, by threes, four left over by twos: "1234567" →
    "százhuszonhárom negyvenöt hatvanhét"."""
    groups = []
    while digits:
        size = 2 if len(digits) == 4 else 3
        groups.append(read_integer(digits[:size]))
        digits = digits[size:]
    number = " ".join(groups)
    return attach_to_number(number, suffix) if suffix else number


def _money_last(match: re.Match[str]) -> str:
    """The sign or code of a currency after its amount, where Hungarian says it."""
    currency, amount, scale, joined = match.groups()
    whole = f"{amount} {scale}" if scale else amount
    return f"{whole} {currency}{'-' + joined if joined else ''}"


def _code(match: re.Match[str]) -> str:
    """A version or a code: its parts with "pont" between them."""
    suffix = match[1]
    written = match[0].partition("-")[0]
    if _GROUPED.fullmatch(written):
        return match[0]
    *parts, last = (read_integer(part) for part in written.split("."))
    last = attach_to_number(last, suffix) if suffix else last
    glued = match.string[: match.start()][-1:].isalpha()
    return f"{' ' if glued else ''}{' pont '.join([*parts, last])}"


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
