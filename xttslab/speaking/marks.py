"""Reads the marks in a text: `[pause 0.6s]`, and SSML's `break`, `sub` and `say-as`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

from xttslab.errors import UserError
from xttslab.text.numbers import read_figures
from xttslab.text.words import LETTERS

LONGEST_PAUSE = 60.0  # seconds
PARAGRAPH = "\n\n"
_MARK = re.compile(r"\[\s*pause\b\s*[:=]?([^\]\n]*)\]", re.IGNORECASE)
_UNCLOSED = re.compile(r"\[\s*pause\b[^\]]*$", re.IGNORECASE | re.MULTILINE)
_TIME = re.compile(r"\+?(-?\d+(?:[.,]\d+)?)\s*(ms|s|sec|mp|)", re.IGNORECASE)
_ELEMENTS = ("speak", "p", "s", "break", "sub", "say-as")
_SSML = re.compile(rf"<\s*/?\s*({'|'.join(_ELEMENTS)})\b[^<>]*>|<\?xml|<speak", re.IGNORECASE)
# W3C SSML 1.1, 3.2.3 leaves the lengths of strengths to the processor.
_STRENGTHS = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.8, "x-strong": 1.2,
}  # fmt: skip
_SPELLED = ("spell-out", "characters", "verbatim")
_AS_WRITTEN = ("cardinal", "number", "ordinal", "date", "time", "currency", "unit", "telephone")


@dataclass(frozen=True)
class Marked:
    """A stretch of text; `pause` is the silence that a mark wants after it, in seconds (None: as
    the text has it). A text of "" is a pause alone."""

    text: str
    pause: float | None = None


def read_marks(text: str, words: Callable[[str], str] = str) -> list[Marked]:
    """The stretches of a text between its pauses, in order.

    `words` replaces what is written by what is said (a lexicon); it does not see what a mark says
    how to read. A text that holds an element of SSML is read as SSML, with or without `<speak>`.
    Raises UserError for a mark that is none, a pause beyond 0 to 60 s, and SSML that is not
    well-formed or that holds what is not read.
    """
    parts = _ssml(text, words) if _SSML.search(text) else _plain(text, words)
    found: list[Marked] = []
    stretch = ""
    for part in parts:
        if isinstance(part, str):
            stretch += part
            continue
        if stretch.strip() or not found:
            found.append(Marked(stretch.strip(), part))
        else:  # pauses that follow one another add up
            found[-1] = Marked(found[-1].text, (found[-1].pause or 0.0) + part)
        stretch = ""
    if stretch.strip() or not found:
        found.append(Marked(stretch.strip()))
    return found


def seconds_in(written: str) -> float | None:
    """Seconds of a length of time such as `0.6`, `0,6 s` or `600ms`; None for anything else."""
    match = _TIME.fullmatch(written.strip())
    if match is None:
        return None
    number = float(match[1].replace(",", "."))
    return number / 1000 if match[2].lower() == "ms" else number


def checked_pause(seconds: float, shown: str) -> float:
    """The pause; raises UserError, which begins with `shown`, for one beyond 0 to 60 s."""
    if not 0 <= seconds <= LONGEST_PAUSE:
        raise UserError(f"{shown}: a pause lasts 0 to {LONGEST_PAUSE:g} s; correct it")
    return seconds


def spelled_out(text: str) -> str:
    """Letter by letter and figure by figure: "OTP2" → "ó té pé kettő"."""
    names = []
    for sign in text:
        if sign.isdecimal():
            names.append(read_figures(sign))
        elif sign.upper() in LETTERS:
            names.append(LETTERS[sign.upper()])
        elif not sign.isspace():
            names.append(sign)
    return " ".join(names)


def _plain(text: str, words: Callable[[str], str]) -> Iterator[str | float]:
    """Text and pauses of a text without elements."""
    last = 0
    for match in _MARK.finditer(text):
        yield words(text[last : match.start()])
        yield _seconds(match[1], match[0], "[pause 0.6s]")
        last = match.end()
    rest = text[last:]
    if unclosed := _UNCLOSED.search(rest):
        raise UserError(f"{unclosed[0][:40]!r}: has no closing bracket; write [pause 0.6s]")
    yield words(rest)


def _ssml(text: str, words: Callable[[str], str]) -> Iterator[str | float]:
    if half := re.search("[\ud800-\udfff]", text):
        place = half.start() + 1
        raise UserError(f"SSML: character {place} is half of a surrogate pair; take it out")
    if "<!" in text:
        raise UserError("SSML: comments, CDATA and DOCTYPE are not read; take '<!…>' out")
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text).strip()
    whole = bare if re.match(r"<\s*speak\b", bare) else f"<speak>{bare}</speak>"
    try:
        root = ElementTree.fromstring(whole)
    except ParseError as fault:
        line, column = fault.position
        shift = 0 if whole is bare or line > 1 else len("<speak>")
        place = f"line {line}, character {max(0, column - shift) + 1}"
        reason = str(fault).partition(":")[0]
        raise UserError(
            f"SSML is not well-formed ({reason}, {place}); close every element, and write & as "
            "&amp; and < as &lt;"
        ) from fault
    yield from _element(root, words)


def _element(element: Element, words: Callable[[str], str]) -> Iterator[str | float]:
    """Text and pauses of an element and of what is in it."""
    name = element.tag.rpartition("}")[2]
    if name == "break":
        yield _break(element)
    elif name == "sub":
        if not (alias := element.get("alias", "").strip()):
            raise UserError('SSML: <sub> needs alias="what is said"; add it')
        yield alias
    elif name == "say-as":
        yield _said_as(element, words)
    elif name in _ELEMENTS:
        yield " " if name == "s" else ""
        yield from _plain(element.text or "", words)
        for child in element:
            yield from _element(child, words)
            yield from _plain(child.tail or "", words)
        if name in ("p", "s"):
            yield PARAGRAPH if name == "p" else " "
    else:
        known = ", ".join(_ELEMENTS)
        raise UserError(f"SSML: <{name}> is not read; there are {known}; take it out")


def _break(element: Element) -> float:
    if (time := element.get("time")) is not None:
        return _seconds(time, f'<break time="{time}"/>', '<break time="600ms"/>')
    strength = element.get("strength", "medium")
    if strength not in _STRENGTHS:
        raise UserError(f'<break strength="{strength}"/>: there are {", ".join(_STRENGTHS)}')
    return _STRENGTHS[strength]


def _said_as(element: Element, words: Callable[[str], str]) -> str:
    kind, text = element.get("interpret-as", ""), "".join(element.itertext())
    if kind in _SPELLED:
        return spelled_out(text)
    if kind == "digits":
        return re.sub(r"\d+", lambda found: read_figures(found[0]), text)
    if kind in _AS_WRITTEN:  # what the reading of figures does by itself
        return words(text)
    known = ", ".join((*_SPELLED, "digits", *_AS_WRITTEN))
    raise UserError(f'<say-as interpret-as="{kind}">: is not read; there are {known}')


def _seconds(written: str, shown: str, example: str) -> float:
    seconds = seconds_in(written)
    if seconds is None:
        raise UserError(f"{shown}: no length of a pause; write {example}")
    return checked_pause(seconds, shown)
