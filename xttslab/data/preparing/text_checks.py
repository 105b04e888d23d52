"""Finds texts that hold no word, begin or end inside a sentence, are cut off or start anew.

Only the texts are looked at; whether they fit their sound is another check.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from xttslab.text.mending import mend

TextKind = Literal[
    "no_words", "starts_inside_sentence", "ends_inside_sentence", "cut_off_text", "false_start"
]
# What a voice learns from such texts, and what to do about them.
TEACHES: dict[str, tuple[str, str]] = {
    "starts_inside_sentence": (
        "cut clips where a sentence begins, or write the words before",
        "begin inside a sentence: the voice learns to begin on the pitch of a sentence's middle",
    ),
    "ends_inside_sentence": (
        "cut clips where a sentence ends, or write the mark that is heard",
        "end without a mark that closes a sentence: the voice does not learn where its pitch "
        "falls and it stops, so endings drag or babble on",
    ),
    "cut_off_text": (
        "complete the texts that are cut off",
        "are cut off: the voice learns to say what is not written",
    ),
    "false_start": (
        "leave out clips with false starts, or write the sentence alone and cut the sound",
        "hold a false start: the voice learns to stutter",
    ),
}
_CLOSING = " \"'”’»)]*"
_ENDS = (".", "!", "?", "…", "。", "！", "？")
_ELLIPSIS = re.compile(r"(?:\.{2,}|…|-+|–)$")
_WORD = re.compile(r"[^\W\d_]+")
_FALSE_START = re.compile(r"(?<!\w)(\w+)\s?(?:-{2,}|–|—|-(?=\s))\s*(?=(\1\w*))", re.IGNORECASE)
_VOWEL = re.compile("[aáeéiíoóöőuúüűyäAÁEÉIÍOÓÖŐUÚÜŰYÄ]")
_SHORT = 3  # letters of a last word that is no word of its own where nothing shows that it is
_ENOUGH_WORDS = 500  # of other languages, after which a short word that is nowhere else is none
_CUT_LENGTH, _CUT_TEXTS = 80, 3  # characters, and texts of exactly that length, that show a limit
# Hungarian words of up to three letters that a sentence may break off after.
_WHOLE = frozenset(
    (
        "a ad agy ah aha ahá aki alá ama ami apa az azt be bor bár bé bő cső cé cél cím dal "
        "de dr dé dél díj e eb egy el elő em erő et ez ezt fa fej fel fia fog fut fék fél föl "
        "fú fő ha hab had haj hal hat hej hit hm hol hon hál hát ház hé hét híd hír hó hú húz "
        "hű ide idő ige ijj ima ing is itt ja jaj jel juj jut jár jég jó jól jön kar kft ki "
        "kik kis kit kár kép kér kés két kéz kín köd kör köz kút kő lap le lel lop láb lám "
        "lát lé lép lét ló lő ma maj meg mer mi mik mit mos már más még míg mór mű na nap ne "
        "nem ni no nos név nő női nők oda oh ok orr ott pad pap per pár pék pér rab raj rom "
        "rum rá rád rák rám rég rém rés réz ró rúd rút sas se sem sok sor szó szú ség sír só "
        "sós sör sőt ta tan te tej ti tud tág táj tál táp tár tél tér tét tíz tó tör túl tű "
        "tűz vad vaj vak van vas ver von vád vár vég vél vér ví víz vő zab zaj zrt zár á ág "
        "ágy áh áll ár át é ég éj élő én ép épp és ész év így íme ír íz ó óh óra öl ön önt öt "
        "öv úgy új úr út üde ül ür üt ő ők őt őz űr"
    ).split()
)


@dataclass(frozen=True)
class TextFault:
    """Something about a text (by position): its kind, what it is, and the place."""

    row: int
    kind: TextKind
    what: str
    value: str


def text_faults(texts: Sequence[str], hungarian: bool) -> Iterator[TextFault]:
    """What is wrong with the texts of a set; empty texts are passed over.

    A word counts as cut off where it stands nowhere else in the set and is too short for one, or
    another word begins with it; without `hungarian` only in a set of many words.
    """
    words = Counter(word.lower() for text in texts for word in _WORD.findall(text))
    known = sum(words.values()) >= _ENOUGH_WORDS
    limits = _limits(texts)
    for row, text in enumerate(texts):
        if not text:
            continue
        if not _has_words(text):
            yield TextFault(row, "no_words", "the text has no word", text)
            continue
        first = next(character for character in text if character.isalnum())
        if first.islower():
            what = "the text begins inside a sentence"
            yield TextFault(row, "starts_inside_sentence", what, _begin(text))
        yield from _end(row, text, words, limits, hungarian or known)
        again = _FALSE_START.search(text)
        if again:
            yield TextFault(row, "false_start", "a false start", f"{again[0].strip()} {again[2]}")


def _has_words(text: str) -> bool:
    """Whether a text has a letter or a digit outside tags."""
    return any(character.isalnum() for character in mend(text).text)


def _end(
    row: int, text: str, words: Counter[str], limits: dict[int, int], judged: bool
) -> Iterator[TextFault]:
    bare = text.rstrip(_CLOSING)
    stem = _ELLIPSIS.sub("", bare).rstrip()
    open_end = not bare.endswith(_ENDS)
    broken = open_end or (stem != bare.rstrip() and not bare.endswith(("!", "?")))
    if not broken:
        return
    length = limits.get(len(stem), 0)
    last = next(reversed(_WORD.findall(stem)), "")
    if length and not stem.endswith(_ENDS):
        value = f"{len(stem)} characters, as {length - 1} others that do not end, either"
        yield TextFault(row, "cut_off_text", "the text is cut off at a length", value)
    elif judged and stem.endswith(last) and _is_fragment(last, words):
        value = f"{_last(text)}: no whole word"
        yield TextFault(row, "cut_off_text", "the text is cut off inside a word", value)
    elif open_end:
        what = "the text ends inside a sentence"
        yield TextFault(row, "ends_inside_sentence", what, _last(text))


def _is_fragment(word: str, words: Counter[str]) -> bool:
    """Whether the last word of a text is the beginning of one."""
    plain = word.lower()
    if not plain or word.isupper() or words[plain] > 1 or plain in _WHOLE:
        return False
    return len(plain) <= _SHORT or not _VOWEL.search(plain)


def _limits(texts: Sequence[str]) -> dict[int, int]:
    """Lengths that several texts without an end have: where a program cut them."""
    stems = [_ELLIPSIS.sub("", text.rstrip(_CLOSING)).rstrip() for text in texts]
    lengths = Counter(len(stem) for stem in stems if not stem.endswith(_ENDS))
    return {n: count for n, count in lengths.items() if n >= _CUT_LENGTH and count >= _CUT_TEXTS}


def _begin(text: str) -> str:
    return " ".join(text.split()[:3])


def _last(text: str) -> str:
    return " ".join(text.split()[-2:])
