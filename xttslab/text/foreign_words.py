"""Finds words of Hungarian texts that are not spelt as Hungarian is, so that somebody can say how
they sound."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from xttslab.text.characters import LETTER, LOWER, UPPER
from xttslab.text.lexicon import Lexicon
from xttslab.text.suffixes import is_suffix

_SHORTEST = 3  # letters; shorter ones are letters' names and units
_LONGEST_ACRONYM = 6  # letters of a word in capitals that is read letter by letter
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HYPHEN = re.compile(r"[-’']")
_VOWEL = "aáeéiíoóöőuúüű"
# Each rule holds what no Hungarian word has. Suffixes that begin with h (-hoz, -hat) stand behind
# any consonant ("láthat", "társhoz"), verbal prefixes end in g ("meghal"): th, sh, ph and gh are
# foreign only where no such word can have them.
_RULES = {
    "letter": re.compile(rf"[qwx]|[^{LETTER}]"),
    "y": re.compile(rf"(?<![glnt])y|^y|ly$(?<=[{_VOWEL}]lly)"),
    "beginning": re.compile(r"^(?:ch|sh|th|ph|gh|rh|kn|ts|zs?ch|mc|(?P<twice>[^\W\d_])(?P=twice))"),
    "end": re.compile(r"(?:sh|th|ph|gh|ch|hn|ght|tz|(?<!bara)(?<!pala)ck|[bcdgkpt]le)$"),
    "letters": re.compile(rf"sch|tch|ck[^{_VOWEL}]|[tsp]h[^{_VOWEL}]|ou|eau|(?<!k)oo|cz|tion$"),
}
_MIXED_CASE = re.compile(rf"[{LOWER}][{UPPER}]")


@dataclass(frozen=True)
class ForeignWord:
    """A word as it is written most often, without its suffix, and how often it stands in texts."""

    written: str
    count: int


def looks_foreign(word: str) -> bool:
    """Whether a word is spelt as no Hungarian word is; one in capitals is read by its letters."""
    if len(word) < _SHORTEST or (word.isupper() and len(word) <= _LONGEST_ACRONYM):
        return False
    plain = word.lower()
    return bool(_MIXED_CASE.search(word)) or any(rule.search(plain) for rule in _RULES.values())


def foreign_words(texts: Iterable[str], lexicon: Lexicon) -> list[ForeignWord]:
    """Words that look foreign and that the lexicon does not know, most frequent first.

    Forms of one word count together, under the shortest ("Williamnek" with "William").
    """
    forms: dict[str, Counter[str]] = {}  # every word by its lower case
    for text in texts:
        for word in _WORD.findall(text):
            stem = _HYPHEN.split(word)[0]
            forms.setdefault(stem.casefold(), Counter())[stem] += 1
    merged: dict[str, Counter[str]] = {}
    for key in sorted(forms, key=len):
        stem = next((key[:end] for end in range(_SHORTEST, len(key)) if key[:end] in merged), "")
        if stem and is_suffix(key[len(stem) :]):
            merged[stem].update(forms[key])
        elif any(map(looks_foreign, forms[key])):
            if all(lexicon.apply(form) == form for form in forms[key]):
                merged[key] = forms[key]
    found = []
    for key, written in merged.items():
        shown = max((form for form in written if form.casefold() == key), key=written.__getitem__)
        found.append(ForeignWord(shown, written.total()))
    return sorted(found, key=lambda word: (-word.count, word.written.casefold()))
