"""A grammar, a frequency list and a seed in, tens of thousands of Hungarian sentences out.

    python -m experiments.mini_base.texts --count 20

Sentences of `texts_grammar.txt` for natural words in natural order, random words of the frequency
list because what cannot be guessed must be read, numbers, lists, names, spelling, rare letters.
Everything is spelled out. The demo's sentences and `texts_held_out.txt` never occur.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from xttslab.text.hungarian import spell_out
from xttslab.text.numbers import attributive, cardinal, ordinal
from xttslab.text.suffixes import attach_to_number, day_of_month

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo_voice"
SAMPLES = ("Nagyszerű teljesítmény!", "Ez egy nagyon nehéz kérdés.")
LONGEST = 110  # characters, about 8 seconds

_WORDS = 30_000
_WORD = re.compile("[abcdefghijklmnoprstuvzyáéíóöőúüű]{2,15}")
_VOWEL = "aáeéiíoóöőuúüű"
_FOREIGN = re.compile(r"(?<![glnt])y|th|sh|ck|oo|ee|ph|ou|[^aáeéiíoóöőuúüű]{4}")
_NOT_WANTED = re.compile("fasz|kurv|geci|szar|picsa|basz|pina|buzi|segg|szex|porn|náci|hitler")
_ARTICLE = re.compile(r"([aA])\(z\) (?=(\w))")
_SYMBOL = re.compile(r"<(\w+)>|\{(\w+)\}")


class Grammar:
    """The symbols of a grammar file; `say(random)` expands `top` once."""

    def __init__(self, path: Path) -> None:
        self._symbols: dict[str, list[str]] = {}
        name = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                name = line.strip("[]")
                self._symbols[name] = []
            elif line and not line.startswith("#"):
                self._symbols[name].append(line)

    def say(self, source: random.Random) -> str:
        text = self._expand("<top>", source)
        text = _ARTICLE.sub(lambda m: m[1] + ("z " if m[2].lower() in _VOWEL else " "), text)
        return text[0].upper() + text[1:]

    def _expand(self, text: str, source: random.Random) -> str:
        def replace(match: re.Match[str]) -> str:
            symbol, maker = match.groups()
            if maker:
                return _MAKERS[maker](source)
            return self._expand(source.choice(self._symbols[symbol]), source)

        return _SYMBOL.sub(replace, text)


def texts(count: int, seed: int) -> list[str]:
    """`count` different sentences, the same for the same seed, none of them kept back."""
    source = random.Random(seed)
    grammar = Grammar(HERE / "texts_grammar.txt")
    seen = {_letters(text) for text in kept_back()}
    chosen: list[str] = []
    while len(chosen) < count:
        text = spell_out(grammar.say(source))
        key = _letters(text)
        if len(text) <= LONGEST and key not in seen:
            seen.add(key)
            chosen.append(text)
    return chosen


def kept_back() -> list[str]:
    """What the base must never hear: the demo's sentences, the samples, the scoring sentences."""
    return [*SAMPLES, *_demo(), *held_out()]


def held_out() -> list[str]:
    """The ordinary sentences on which the base is scored."""
    return (HERE / "texts_held_out.txt").read_text(encoding="utf-8").splitlines()


def _demo() -> Iterator[str]:
    for path in sorted(DEMO.glob("*.psv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from (row["text"] for row in csv.DictReader(file, delimiter="|"))


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@lru_cache(maxsize=1)
def words() -> list[str]:
    """Hungarian words by falling frequency, without what looks foreign or is vulgar."""
    from wordfreq import top_n_list

    return [
        word
        for word in top_n_list("hu", _WORDS)
        if _WORD.fullmatch(word)
        and any(letter in _VOWEL for letter in word)
        and not _FOREIGN.search(word)
        and not _NOT_WANTED.search(word)
    ]


def _word(source: random.Random) -> str:
    """Squaring the rank's fraction makes frequent words twice as frequent, no more."""
    return words()[int(len(words()) * source.random() ** 2)]


def _big(source: random.Random) -> str:
    value = source.randint(1, 999) * 10 ** source.choice((0, 1, 1, 2, 3, 3, 4))
    return attributive(cardinal(value + source.choice((0, 0, source.randint(1, 9)))))


def _year(source: random.Random) -> int:
    return source.choice((source.randint(1900, 2030), source.randint(996, 1899)))


def _clock(source: random.Random) -> str:
    hour = cardinal(source.randint(1, 12))
    return source.choice(("", "", "fél ", "negyed ", "háromnegyed ", "pontban ")) + hour + "kor"


_MAKERS: dict[str, Callable[[random.Random], str]] = {
    "word": _word,
    "word_c": lambda source: _word(source).capitalize(),
    "small": lambda source: attributive(cardinal(source.randint(2, 99))),
    "hundreds": lambda source: attributive(cardinal(source.randint(100, 999))),
    "big": _big,
    "digit": lambda source: cardinal(source.randint(0, 9)),
    "ordinal": lambda source: ordinal(source.choice((*range(1, 31), 40, 50, 100, 500, 1000))),
    "year": lambda source: cardinal(_year(source)),
    "year_in": lambda source: attach_to_number(cardinal(_year(source)), "ban"),
    "clock": _clock,
    "day": lambda source: day_of_month(source.randint(1, 31), "án"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for text in texts(options.count, options.seed):
        print(text)


if __name__ == "__main__":
    main()
