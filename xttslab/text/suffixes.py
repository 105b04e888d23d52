"""Attaches Hungarian suffixes to spoken words: "23-án" → "huszonharmadikán", "50%-kal".

Written Hungarian hangs suffixes on figures and signs with a hyphen. The vowel that the writer chose
is kept, since it shows how the stem was read, except on numerals, whose vowel harmony is certain.
Assimilation, lengthening and changing stems follow AkH. 70-95.
"""

import re

from xttslab.text.numbers import attributive, cardinal, ordinal, ordinal_of, part_of

_VOWELS = "aáeéiíoóöőuúüű"
_DIGRAPHS = ("cs", "dz", "gy", "ly", "ny", "sz", "ty", "zs")
_LENGTHEN = {"a": "á", "e": "é"}
_ROUND = ("kettő", "öt", "ötöd")
# fmt: off
_BACK = (
    "nulla", "három", "hat", "nyolc", "húsz", "harminc", "hatvan", "nyolcvan", "száz",
    "millió", "milliárd", "billió", "harmad", "hatod", "nyolcad", "század", "milliomod",
)
# What vowel-initial suffixes make of the stem; -ig, -ért and -i leave it alone.
_OBLIQUE = {"három": "hárm", "kettő": "kett", "hét": "het", "ezer": "ezr", "fél": "fel"}
_LINKING_VOWELS = {
    "öt": "ö", "hat": "o", "milliárd": "o", "század": "o", "milliomod": "o",
    "kettő": "e", "nulla": "", "llió": "",
}
# fmt: on
# Decimal places: "4,5-ös" is written for the figure 5, but said "…tizedes".
_PLACES = ("tized", "század", "ezred", "milliomod")
_LINKED = re.compile(r"[aeoö]?([st].*)$")
_KEEP_STEM = re.compile(r"(?:ig|ért|i)$")
_KEEP_FINAL_VOWEL = re.compile(r"(?:kor|ként|képp(?:en)?|ség|ság|szer|szor|i)$")

# fmt: off
# Suffix → its (back, front, rounded) forms.
_FAMILIES = (
    ("ban", "ben"), ("ba", "be"), ("ból", "ből"), ("tól", "től"), ("ról", "ről"), ("ra", "re"),
    ("nál", "nél"), ("nak", "nek"), ("hoz", "hez", "höz"), ("szor", "szer", "ször"),
    ("val", "vel"),
)
# fmt: on
_HARMONY = {form: (*f, f[-1]) if len(f) == 2 else f for f in _FAMILIES for form in f}
_INSTRUMENTAL = re.compile(rf"(?:v|[^\W\d{_VOWELS}]{{1,3}})?([ae])l$")

_CASE = (
    r"(?:[aeoö]?t|b[ae]n?|b[óő]l|[rtd][óő]l|r[ae]|n[áé]l|n[ae]k|h[oeö]z|ig|ért|ként|kor|v[áé]"
    rf"|[aeoö]?n|i|[^\W\d{_VOWELS}]{{0,3}}[ae]l|sz[oeö]r)"
)
_SUFFIX = re.compile(
    r"(?:ad|ed|od|öd)?(?:(?:ik)|(?:j?[eaáé]))?"
    r"(?:[aeoöá]?s)?(?:[aeoö]?k)?(?:j?[aeáéuü]i?k?|[aeoöuü]?[mdk])?" + _CASE + r"?(?:é|i)?$"
)
_TIMES = re.compile(r"(sz[oeö]r)(.*)$")
_ORDINAL = re.compile(r"(?:(?:[aeoö]?d)?ik|ső)(.*)$")
_PART = re.compile(r"[aeoö]d(.*)$")
_DAY = re.compile(
    r"(?:j?[ae](?P<adjective>i?)"
    r"|j?[áé](?P<case>n|t|ig|tól|től|ra|re|nak|nek|val|vel|ról|ről|ból|ből|hoz|hez|nál|nél))$"
)
_DAY_CASE = re.compile(r"(?:ig|t[óő]l|r[ae]|r[óő]l|n[ae]k|b[óő]l|h[oe]z|n[áé]l|v[ae]l)$")


def is_suffix(written: str) -> bool:
    """Whether letters after a hyphen are an inflection ("-ben", "-esek") and not a word."""
    return bool(written) and bool(_SUFFIX.match(written.lower()))


def attach(word: str, suffix: str) -> str:
    """A noun with the suffix that was written after it: ("bé", "vel") → "bével".

    The instrumental is assimilated whatever was written: ("forint", "tal") → "forinttal".
    """
    suffix = suffix.lower()
    if instrumental := _INSTRUMENTAL.match(suffix):
        return _assimilated(word, instrumental[1])
    if word[-1] in _LENGTHEN and not _KEEP_FINAL_VOWEL.match(suffix):
        word = word[:-1] + _LENGTHEN[word[-1]]
        suffix = suffix.removeprefix(word[-1])
    if suffix.startswith(tuple(_VOWELS)) and not _KEEP_STEM.match(suffix):
        word = _oblique(word)
    return _joined(word, suffix)


def attach_to_number(words: str, suffix: str, value: int | None = None) -> str:
    """A numeral with the suffix that was written after its figures.

    ("három", "szor") → "háromszor", ("ezer", "es") → "ezres", ("kettő", "en") → "ketten". With
    `value`, the number itself, days of the month are known: ("huszonhárom", "án", 23) →
    "huszonharmadikán". A word in place of a suffix is joined: ("kettő", "jegyű") → "kétjegyű".
    """
    suffix = suffix.lower()
    if value is not None and 1 <= value <= 31 and _DAY.match(suffix):
        return day_of_month(value, suffix)
    if _INSTRUMENTAL.match(suffix):
        return _assimilated(words, "a" if _harmony(words) == 0 else "e")
    if times := _TIMES.match(suffix):
        stem = attributive(words)
        return _joined(stem, _HARMONY[times[1]][_harmony(stem)] + times[2])
    if suffix in _HARMONY:
        return attach(words, _HARMONY[suffix][_harmony(words)])
    if ordinals := _ORDINAL.match(suffix):
        return ordinal_of(words) + ordinals[1]
    if parts := _PART.match(suffix):
        return part_of(words) + parts[1]
    if not is_suffix(suffix):
        return attributive(words) + suffix
    if linked := _LINKED.match(suffix):
        if words.endswith(_PLACES) or (suffix == "t" and words[-1] not in _VOWELS):
            return attach(words, _linking_vowel(words) + linked[1])
    return attach(words, suffix)


def people(words: str) -> str:
    """So many persons: "öt" → "öten", "kettő" → "ketten"."""
    return attach(words, "an" if _harmony(words) == 0 else "en")


def day_of_month(day: int, suffix: str = "") -> str:
    """A day after its month: (23, "") → "huszonharmadika", (23, "án") → "huszonharmadikán".

    Suffixes that leave the possessive out are understood: (23, "tól") → "huszonharmadikától".
    """
    base = "elsej" if day == 1 else ordinal(day)
    back = base.endswith(("adik", "odik"))
    possessive = base + ("a" if back else "e")
    if not suffix:
        return possessive
    if suffix == "i":
        return "elsejei" if day == 1 else f"{base}i"
    written = _DAY.match(suffix)
    if written and written["case"] is None:
        return possessive + written["adjective"]
    case = written["case"] if written else suffix
    if not written and not _DAY_CASE.match(suffix):
        return attach_to_number(cardinal(day), suffix)
    return attach(possessive, _HARMONY[case][0 if back else 1] if case in _HARMONY else case)


def adjective_of(words: str) -> str:
    """The numeral as a name: "öt" → "ötös", "hét" → "hetes"."""
    return attach(words, f"{_linking_vowel(words)}s")


def _linking_vowel(words: str) -> str:
    """The vowel between a numeral and -s or -t; none after a vowel, but "kettes"."""
    for ending, vowel in _LINKING_VOWELS.items():
        if words.endswith(ending):
            return vowel
    return "a" if _harmony(words) == 0 else "e"


def _oblique(word: str) -> str:
    for ending, stem in _OBLIQUE.items():
        if word.endswith(ending):
            return word[: -len(ending)] + stem
    return word


def _harmony(words: str) -> int:
    """Index into the forms of a suffix: 0 back, 1 front, 2 rounded, by the last part alone."""
    if words.endswith(_ROUND):
        return 2
    return 0 if words.endswith(_BACK) else 1


def _joined(word: str, suffix: str) -> str:
    """Equal digraphs that meet are written short: "húsz" + "szor" → "hússzor" (AkH. 93)."""
    meet = word.endswith(_DIGRAPHS) and suffix.startswith(word[-2:])
    return f"{word[:-1] if meet else word}{suffix}"


def _assimilated(word: str, vowel: str) -> str:
    """-val/-vel: v after a vowel, else the last consonant doubled, never tripled (AkH. 93-94)."""
    last = word[-1].lower()
    if last in _VOWELS:
        return f"{word[:-1]}{_LENGTHEN.get(word[-1], word[-1])}v{vowel}l"
    if word.lower().endswith(_DIGRAPHS):
        digraph = word[-2:].lower()
        long = word.lower().endswith(digraph[0] + digraph)
        return f"{word if long else word[:-2] + digraph[0] + digraph}{vowel}l"
    if len(word) > 1 and word[-2].lower() == last:
        return f"{word}{vowel}l"
    return f"{word}{last}{vowel}l"
