"""Spells ordinals in Arabic and Roman figures: "3." and "XIV.".

A full stop after a number makes it an ordinal only where the sentence goes on: "az 5. kérdés" is
the fifth, "A válasz 42." ends with forty-two.
"""

import re

from xttslab.text.characters import LETTER, LOWER, UPPER, ends_sentence, ends_text
from xttslab.text.numbers import INTEGER, cardinal, ordinal, ordinal_of, read_integer
from xttslab.text.suffixes import adjective_of, attach, attach_to_number

_START = r"(?<![0-9])(?<![0-9][.,:/])"
_GOES_ON = rf"(?=[,;?!]|\s['\"(–]?[{LOWER}])"

_RANGE = re.compile(
    rf"{_START}([0-9]{{1,4}})\.?\s?[–-]\s?([0-9]{{1,4}})\.(?:-([{LOWER}]+)|{_GOES_ON})"
)
_SUFFIXED = re.compile(rf"{_START}({INTEGER})\.-([{LOWER}]+)")
_NUMBERED = re.compile(rf"{_START}({INTEGER})\. ?(?:sz\.|számú\b)")
_FOLLOWED = re.compile(rf"{_START}({INTEGER})\.{_GOES_ON}")
# "a 12. Magyar Filmszemle", "a 2. 3000 forintot": after an article, before a name or a number.
_NAMED = re.compile(rf"(\b[Aa]z? )({INTEGER})\.(?= [{UPPER}][{LOWER}]+ [{UPPER}][{LOWER}]| [0-9])")
_HOUSE = re.compile(
    rf"(\b(?:utca|út|tér|körút|sugárút|köz|sétány|rakpart|fasor) )({INTEGER})\.{_GOES_ON}"
)
# "az első és az 5.": an ordinal before makes the last one of the list an ordinal too.
_LISTED = re.compile(rf"((?:dik|első|második),? (?:és|vagy|illetve) (?:az? )?)({INTEGER})\.")

_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_START = rf"(?<![{LETTER}0-9.'-])"
_CENTURY = re.compile(
    rf"{_START}(?:([0-9]{{1,2}})(?=\.[^.]+\.(?:-|$| (?:vég|elej|közep|első|második|[{UPPER}])))"
    rf"|(?<![{LETTER}])([XVI]+))\. ?sz\.(?:-([{LOWER}]+))?"
)
_ROMAN_PER = re.compile(rf"{_ROMAN_START}([IVX]+)/(?=[IVX]+(?![{LETTER}])|[0-9])")
_ROMAN_ORDINAL = re.compile(rf"{_ROMAN_START}([IVXLCDM]+)\.(?:-([{LOWER}]+))?(?![{LETTER}0-9])")
_ROMAN_RANGE = re.compile(rf"{_ROMAN_START}([IVX]+)\.?\s?[–-]\s?([IVX]+)\.(?=\s[{LOWER}])")
_ROMAN_SUFFIXED = re.compile(rf"{_ROMAN_START}([IVX]{{2,}}|(?<=NB )I)-([{LOWER}]+)(?![{LETTER}])")
# "Rocky II", "Apollo XI", "NB I": a capital word before, no full stop after.
_ROMAN_NAMED = re.compile(
    rf"(?<![{LETTER}])((?:[{UPPER}][{LOWER}]{{2,}}|NB) )"
    rf"(I{{2,3}}|IV|VI{{1,3}}|IX|XI{{0,3}}|(?<=NB )I)(?![{LETTER}0-9.'-])"
)
# Before these also a single letter, or one of L, C, D, M, is a Roman numeral.
_COUNTED = re.compile(
    r" (?:század|évezred|törvény|tc\b|fejezet|kötet|kerület|rész|kongresszus|olimpi|ker\b|cikk)"
)
_RULERS = re.compile(
    r" (?:Albert|Alfonz|András|Antal|Baldvin|Béla|Benedek|Boldizsár|Endre|Edvárd|Erzsébet|Ferdinánd"
    r"|Ferenc|Frigyes|Fülöp|Géza|Gergely|György|Gusztáv|Henrik|Ince|István|Iván|Jakab|János|József"
    r"|Kamill|Károly|Katalin|Kelemen|Keresztély|Lajos|László|Leó|Lipót|Margit|Mária|Mátyás|Mehmed"
    r"|Miklós|Napóleon|Orbán|Ottó|Ottokár|Pál|Péter|Pius|Rákóczi|Ramszesz|Richárd|Rudolf|Sándor"
    r"|Szelim|Szilveszter|Szulejmán|Ulászló|Umberto|Vencel|Viktor|Vilmos|Zsigmond)"
)


def spell_roman(text: str) -> str:
    """Roman numerals: "XX. század" → "huszadik század", "II-es" → "kettes"."""
    text = _CENTURY.sub(_century, text)
    text = _ROMAN_PER.sub(_roman_per, text)
    text = _ROMAN_RANGE.sub(_roman_range, text)
    text = _ROMAN_ORDINAL.sub(_roman_ordinal, text)
    text = _ROMAN_SUFFIXED.sub(_roman_suffixed, text)
    return _ROMAN_NAMED.sub(lambda m: m[1] + cardinal(_roman_value(m[2])), text)


def spell_ordinals(text: str) -> str:
    """Figures with the full stop of an ordinal: "a 3. kérdés" → "a harmadik kérdés"."""
    text = _NUMBERED.sub(lambda m: f"{adjective_of(_words(m[1]))} számú", text)
    text = _RANGE.sub(lambda m: f"{_ordinal(m[1])}-{_suffixed(m[2], m[3])}", text)
    text = _SUFFIXED.sub(lambda m: _suffixed(m[1], m[2]), text)
    text = _HOUSE.sub(lambda m: m[1] + _words(m[2]), text)
    text = _FOLLOWED.sub(lambda m: _ordinal(m[1]), text)
    text = _NAMED.sub(lambda m: m[1] + _ordinal(m[2]), text)
    return _LISTED.sub(lambda m: f"{m[1]}{_ordinal(m[2])}.", text)


def _words(figures: str) -> str:
    return read_integer("".join(c for c in figures if c.isdigit()))


def _ordinal(figures: str) -> str:
    return ordinal_of(_words(figures))


def _suffixed(figures: str, suffix: str | None) -> str:
    return _inflected(_ordinal(figures), suffix) if suffix else _ordinal(figures)


def _inflected(words: str, suffix: str) -> str:
    """An ordinal with its suffix; what is written short has its vowel: "II.-t" → "másodikat"."""
    if words.endswith("ik") and suffix in ("t", "n"):
        back = words.endswith(("adik", "odik"))
        suffix = {"t": ("et", "at"), "n": ("en", "on")}[suffix][back]
    return attach(words, suffix)


def _roman_value(letters: str) -> int:
    """0 for letters that are no Roman numeral."""
    if not letters or not _ROMAN.fullmatch(letters):
        return 0
    values = [_ROMAN_VALUES[letter] for letter in letters]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def _roman_per(match: re.Match[str]) -> str:
    value = _roman_value(match[1])
    return f"{cardinal(value)} per " if value else match[0]


def _roman_range(match: re.Match[str]) -> str:
    first, last = _roman_value(match[1]), _roman_value(match[2])
    return f"{ordinal(first)}-{ordinal(last)}" if first and last else match[0]


def _roman_suffixed(match: re.Match[str]) -> str:
    value = _roman_value(match[1])
    return attach_to_number(cardinal(value), match[2]) if value else match[0]


def _roman_ordinal(match: re.Match[str]) -> str:
    letters, suffix = match[1], match[2]
    value = _roman_value(letters)
    counted = suffix or _is_numeral(letters, match.string, match.end())
    if not value or not counted:
        return match[0]
    if suffix:
        return _inflected(ordinal(value), suffix)
    return ordinal(value) + ("." if ends_text(match.string, match.end()) else "")


def _is_numeral(letters: str, text: str, end: int) -> bool:
    """Whether the letters before a full stop are a numeral, and not an initial or an answer."""
    if _COUNTED.match(text, end):
        return True
    if set(letters) - set("IVX"):
        return False
    if len(letters) > 1:
        return True
    return bool(_RULERS.match(text, end)) or not (
        ends_sentence(text, end) or text[end : end + 1] in '?!,;:)"'
    )


def _century(match: re.Match[str]) -> str:
    figures, letters, suffix = match.groups()
    value = int(figures) if figures else _roman_value(letters)
    if not value:
        return match[0]
    century = attach("század", suffix) if suffix else "század"
    stop = "." if not suffix and ends_sentence(match.string, match.end()) else ""
    return f"{ordinal(value)} {century}{stop}"
