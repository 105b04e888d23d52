"""Text with dates and clock times in figures comes in, their words go out.

Years are cardinals ("ezerkilencszázötvenhat"), days are ordinals with the possessive that the
figures leave out: "október 23-án" → "október huszonharmadikán", "május 1." → "május elseje".
"""

import re

from xttslab.data.hungarian_characters import LETTER, LOWER, ends_sentence
from xttslab.data.hungarian_numbers import attributive, cardinal
from xttslab.data.hungarian_suffixes import attach, attach_to_number, day_of_month
from xttslab.data.hungarian_tables import MONTHS

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
