"""Reduces Unicode text to the characters that the other rules know, and lists what is unreadable.

Letters of other Latin alphabets become the Hungarian letters that sound like them ("Dvořák" →
"Dvorzsák"), because those are the letters whose sound the model knows in Hungarian.
"""

import html
import re
import unicodedata
from dataclasses import dataclass, replace

UPPER = "A-ZÁÉÍÓÖŐÚÜŰ"
LOWER = "a-záéíóöőúüű"
LETTER = LOWER + UPPER

# Signs that later rules read, and that stay as they are here.
_SIGNS = re.escape("%‰&@§€$£¥+=×÷±≈≠≤≥°√∞#/−²³–.,;:!?()'\"-")
_KNOWN = rf"{LETTER}0-9 {_SIGNS}"

# fmt: off
_LETTERS = {
    "č": "cs", "š": "s", "ž": "zs", "ř": "rzs", "ć": "cs", "ś": "s", "ź": "z", "ż": "zs",
    "ł": "l", "ń": "ny", "ň": "ny", "ñ": "ny", "ç": "sz", "ş": "s", "ș": "s", "ţ": "c",
    "ț": "c", "ď": "gy", "ť": "ty", "đ": "d", "ě": "je", "ů": "ú", "ý": "í", "ą": "on",
    "ę": "en", "ä": "e", "æ": "e", "œ": "ö", "ø": "ö", "å": "o", "ß": "ss", "ð": "d",
    # Written for ő and ű in old code pages that lacked them.
    "þ": "t", "ı": "i", "õ": "ő", "û": "ű", "ğ": "g", "ħ": "h", "ŀ": "l",
}
_LETTERS |= {x.upper(): sound.capitalize() for x, sound in _LETTERS.items() if x != "ß"}
_GREEK = {
    "α": "alfa", "β": "béta", "γ": "gamma", "δ": "delta", "ε": "epszilon", "θ": "téta",
    "λ": "lambda", "μ": "mű", "π": "pí", "ρ": "ró", "σ": "szigma", "τ": "tau", "φ": "fí",
    "χ": "khí", "ψ": "pszí", "ω": "ómega", "Δ": "delta", "Σ": "szigma", "Ω": "ómega",
}
_TYPOGRAPHY = {
    **dict.fromkeys("’‘‛ʼ`´", "'"),
    **dict.fromkeys("„“”«»‟‹›‚", '"'),
    **dict.fromkeys("‐‑", "-"),
    **dict.fromkeys("‒—―", "–"),
    "…": "...", "⁄": "/", "∕": "/", "∶": ":", "⋅": "×", "℃": "°C", "№": "szám",
    "½": " 1/2 ", "⅓": " 1/3 ", "⅔": " 2/3 ", "¼": " 1/4 ", "¾": " 3/4 ", "º": "°",
}
# fmt: on
# Not spoken, and nothing is lost by leaving them out: list bullets, trade marks, variants.
_SILENT = frozenset("•‣◦▪·©®™\ufe0e\ufe0f")
_SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"

_WEB = (
    r"(?<![\w.@+-])(?P<web>(?:https?://)?(?:[A-Za-z0-9_.+-]+@)?(?:[a-z0-9-]+\.){1,4}"
    r"(?:hu|com|org|net|eu|tv|info|io|ro|sk|at|de|uk)(?:/[A-Za-z0-9_./-]*[A-Za-z0-9_/])?)"
    r"(?![\w@]|\.\w)"
)
# Signs that have a reading between numbers only; elsewhere they are markup, and are reported.
_COMPARISON = r"(?<=[0-9])\s*(?P<comparison>[<>*])\s*(?=[0-9])"
_COMPARISONS = {"<": " kisebb, mint ", ">": " nagyobb, mint ", "*": "×"}
_ABOUT = r"(?P<about>~)\s?(?=[0-9])"
_MICRO = r"(?P<micro>[µμ][mgs](?![^\W_]))"
_MICRO_UNITS = {"m": "mikrométer", "g": "mikrogramm", "s": "mikromásodperc"}
_POWER = rf"(?<=[0-9])(?P<power>[{_SUPERSCRIPT}]+)"
_MARKED = r"(?P<marked>[^\W\d_][\u0300-\u036f]+)"
_OTHER = rf"(?P<other>[^{_KNOWN}])"
_ENTITY = r"(?P<entity>&(?:[A-Za-z][A-Za-z0-9]{1,7}|#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,6});)"
# Faces typed in signs are not said. Those with a letter need room on both sides, and none follows
# the word "válasz", for ":D" may be an answer; those of signs alone may touch the word before.
_ALONE = r"(?=[\s.,!?]|$)"
_EMOTICON = (
    r"(?P<emoticon>(?<!\S)(?<!válasz )(?<!válaszom )(?<!válasza )"
    rf"(?:[:;=]'?-?[DPpOo|*/\\]+|[xX]D+|<3|\^[_.]?\^|[oO][._][oO]|-_+-|\([:;=]){_ALONE}"
    rf"|(?<!\d)[:;]'?-?[()]+{_ALONE}|(?<!\S)=-?[()]+{_ALONE})"
)
_ODD = re.compile(
    "|".join([_WEB, _ENTITY, _EMOTICON, _COMPARISON, _ABOUT, _MICRO, _POWER, _MARKED, _OTHER])
)
_SENTENCE_END = re.compile(rf"[)'\"]*(?:\s*$|\s+[–('\"-]*\s?[{UPPER}])")
_SPACES = re.compile(r" {2,}")


@dataclass(frozen=True)
class Unreadable:
    """A run of characters that cannot be read aloud.

    `position` counts characters of the given text from 0; `name` is the first one's in Unicode.
    """

    position: int
    text: str
    name: str

    def __str__(self) -> str:
        return f"{self.text!r} ({self.name}) at character {self.position}"


def clean(text: str) -> tuple[str, list[Unreadable]]:
    """`text` in known characters only, and the places that were left out of it."""
    faults: list[Unreadable] = []

    def read(match: re.Match[str]) -> str:
        kind, written = match.lastgroup or "other", match[match.lastgroup or 0]
        if kind == "web":
            return _read_address(written)
        if kind == "emoticon":
            closing = written.endswith(")") and _open_before(match.string, match.start())
            return written if closing else " "
        if kind == "entity":
            return _read_entity(match, faults)
        if kind == "comparison":
            return _COMPARISONS[written]
        if kind == "about":
            return "körülbelül "
        if kind == "micro":
            return _MICRO_UNITS[written[1]]
        if kind == "power":
            return _read_power(written)
        readable = _read_letter(match.string, match.start(), match.end())
        if readable is None:
            _add_fault(faults, match.start(), written)
        return " " if readable is None else readable

    cleaned = _ODD.sub(read, text)
    return _SPACES.sub(" ", cleaned).strip(), faults


def ends_text(text: str, position: int) -> bool:
    """Whether nothing but closing marks comes after `position`."""
    return not text[position:].strip(" )'\"")


def ends_sentence(text: str, position: int) -> bool:
    """Whether a full stop that ends at `position` closes a sentence: the text ends or a capital
    follows. Hungarian writes no capital after an ordinal or an abbreviation but in names."""
    return bool(_SENTENCE_END.match(text, position))


def _open_before(text: str, position: int) -> bool:
    """Whether a parenthesis that was opened before `position` is still open."""
    return text.count("(", 0, position) > text.count(")", 0, position)


def _read_entity(match: re.Match[str], faults: list[Unreadable]) -> str:
    """What an HTML entity ("&nbsp;", "&#8222;") stands for; others stay as they are."""
    meant = html.unescape(match[0])
    if meant == match[0]:
        return match[0]
    text, start, end = match.string, match.start(), match.end()
    around = text[:start].rstrip()[-1:] + text[end:].lstrip()[:1]
    if meant in _COMPARISONS and len(around) == 2 and around.isdecimal():
        return _COMPARISONS[meant]
    readable = [_read_letter(character, 0, 1) for character in meant]
    if None in readable:
        _add_fault(faults, start, match[0])
        return " "
    return "".join(part or "" for part in readable)


def _add_fault(faults: list[Unreadable], position: int, written: str) -> None:
    """Append a fault, or lengthen the last one where it stands right before."""
    if faults and faults[-1].position + len(faults[-1].text) == position:
        faults[-1] = replace(faults[-1], text=faults[-1].text + written)
        return
    name = unicodedata.name(written[0], f"U+{ord(written[0]):04X}")
    faults.append(Unreadable(position, written, name.lower()))


def _read_letter(text: str, start: int, end: int) -> str | None:
    """What stands for `text[start:end]`, a character with its marks; None: cannot be read."""
    character = unicodedata.normalize("NFC", text[start:end])
    if re.fullmatch(rf"[{_KNOWN}]", character):
        return character
    for table in (_TYPOGRAPHY, _LETTERS):
        if character in table:
            return table[character]
    if character in _GREEK:
        around = text[max(start - 1, 0) : start] + text[end : end + 1]
        return None if any(c.isalpha() for c in around) else f" {_GREEK[character]} "
    if character.isspace():
        return " "
    if character in _SILENT or unicodedata.category(character[0]) == "Cf":
        return ""
    return _read_digit(character) or _read_compatible(character)


def _read_digit(character: str) -> str | None:
    digit = unicodedata.digit(character[0], None)
    if digit is None:
        return None
    return str(digit) if character[0].isdecimal() else f" {digit} "


def _read_compatible(character: str) -> str | None:
    """Base letters of accented and styled ones ("ﬁ", "Ⅳ", "①", "ā"), if all are known."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)
    )
    plain = plain.replace("⁄", "/")
    if not plain or re.search(rf"[^{_KNOWN}]", plain):
        return None
    return f" {plain} " if any(c.isdigit() for c in plain) else plain


def _read_power(written: str) -> str:
    exponent = "".join(str(_SUPERSCRIPT.index(figure)) for figure in written)
    if exponent in ("2", "3"):
        return " a négyzeten " if exponent == "2" else " a köbön "
    article = "az" if exponent == "1" or exponent[0] == "5" else "a"
    return f" {article} {exponent}. hatványon "


def _read_address(written: str) -> str:
    """E-mail and web addresses, sign by sign: "info@tv.hu" → "info kukac tv pont hu"."""
    address = re.sub(r"^https?://", "", written).rstrip("/")
    for sign, words in (("@", "kukac"), (".", "pont"), ("/", "per"), ("-", "kötőjel")):
        address = address.replace(sign, f" {words} ")
    return re.sub(r"[_+]", " alulvonás ", address).replace("www ", "vévévé ")
