"""Recognises the language codes and the columns of metadata files of other tools."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, mean

from rapidfuzz import fuzz

from xttslab.data.audio_names import AUDIO_SUFFIXES
from xttslab.errors import UserError

# Code of XTTS-v2's vocabulary → ISO 639-2 and 639-3 codes, the English and the own name.
_NAMES = {
    "ar": "ara arb arabic العربية",
    "cs": "ces cze czech čeština cesky česky",
    "de": "deu ger german deutsch",
    "en": "eng english",
    "es": "spa spanish español castellano castilian",
    "fr": "fra fre french français",
    "hi": "hin hindi हिन्दी",
    "hu": "hun hungarian magyar",
    "it": "ita italian italiano",
    "ja": "jpn jp japanese 日本語",
    "ko": "kor kr korean 한국어",
    "nl": "nld dut dutch nederlands flemish",
    "pl": "pol polish polski",
    "pt": "por portuguese português",
    "ru": "rus russian русский",
    "tr": "tur turkish türkçe",
    "zh-cn": "zh zho chi cmn cn chinese mandarin 中文 普通话",
}
LANGUAGES = tuple(_NAMES)
_CODES = {name: code for code, names in _NAMES.items() for name in (code, *names.split())}
AUDIO, TEXT, RAW = "audio_file", "text", "raw_text"  # RAW: LJSpeech's text before figures are words
SPEAKER, CATEGORY, LANGUAGE = "speaker_name", "category", "language"
IGNORED = "unused"  # what the names of columns begin with that hold nothing of use
_SAMPLE = 500  # rows whose two texts are compared
_SENTENCE = re.compile(r"\w.*[.!?…][\"”’»)\]]*$")
_NUMBER = re.compile(r"-?\d+([.,]\d+)?")
_PHONETIC = re.compile("[ˈˌːəɛɔʃʒŋɡɾɪʊɒɟɲ]")
_LONGEST_LABEL = 60
_CATEGORIES = {
    *("neutral", "greeting", "question", "excitement", "tension", "transition", "confirmation"),
    *("happy", "happiness", "sad", "sadness", "angry", "anger", "fear", "fearful", "surprise"),
    *("surprised", "disgust", "disgusted", "calm", "amused", "sleepy", "semleges"),
}


def language_code(name: str) -> str | None:
    """XTTS-v2's code of a language: `HU`, `hu-HU`, `hu_HU.UTF-8`, `hun`, `Hungarian` → `hu`; None
    for a language that it does not speak."""
    plain = name.strip().casefold()
    return _CODES.get(plain) or _CODES.get(re.split(r"[-_.@ (]", plain)[0])


def require_language(name: str) -> str:
    """The language's code; raises UserError that lists the known ones where there is none."""
    code = language_code(name)
    if code is None:
        raise UserError(f"language {name!r} is none of XTTS-v2's; write {', '.join(LANGUAGES)}")
    return code


class ColumnsUnclear(Exception):
    """What the columns hold cannot be told: why, and a header that a person may correct."""

    def __init__(self, reason: str, header: Sequence[str]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.header = header


@dataclass(frozen=True)
class _Column:
    """The cells of one column that are not empty."""

    cells: tuple[str, ...]

    def share(self, holds: re.Pattern[str]) -> float:
        return mean([bool(holds.search(cell)) for cell in self.cells]) if self.cells else 0.0

    @property
    def is_audio(self) -> bool:
        endings = [os.path.splitext(cell)[1].lower() in AUDIO_SUFFIXES for cell in self.cells]
        return mean(endings) > 0.5 if endings else False

    @property
    def is_number(self) -> bool:
        return all(_NUMBER.fullmatch(cell) for cell in self.cells)

    @property
    def is_language(self) -> bool:
        return all(language_code(cell) for cell in self.cells)

    @property
    def is_phonetic(self) -> bool:
        return self.share(_PHONETIC) > 0.5

    @property
    def is_category(self) -> bool:
        return all(cell.lower() in _CATEGORIES for cell in self.cells)

    @property
    def repeats(self) -> bool:
        """Whether the same few values stand again and again, as names do and texts do not."""
        return len(set(self.cells)) <= max(1, len(self.cells) // 2)

    @property
    def is_label(self) -> bool:
        return self.repeats and max(map(len, self.cells), default=0) <= _LONGEST_LABEL

    @property
    def is_text(self) -> bool:
        if self.share(_SENTENCE) >= 0.5:
            return True
        words = mean([len(cell.split()) for cell in self.cells]) if self.cells else 0.0
        return words >= 3 or (words >= 2 and not self.repeats)


def columns_by_content(rows: Sequence[Sequence[str]]) -> list[str]:
    """Name the columns of rows without a header, (rows, cells); most rows have that many.

    Raises ColumnsUnclear where two columns could be the text or none is one, and where a column
    could be a speaker as well as something else.
    """
    width = _width(rows)
    if width < 2:
        raise ColumnsUnclear("most of its lines have one column", (AUDIO, TEXT))
    even = [row for row in rows if len(row) == width]
    columns = [_Column(tuple(c for c in cells if c)) for cells in zip(*even, strict=True)]
    audio = next((place for place, column in enumerate(columns) if column.is_audio), 0)
    rest = {place: column for place, column in enumerate(columns) if place != audio}
    names = {audio: AUDIO}
    if width == 2:
        place, column = next(iter(rest.items()))
        if column.is_number or not column.cells:
            raise ColumnsUnclear("its second column is no text", _filled(names | {place: TEXT}, 2))
        return _filled(names | {place: TEXT}, 2)
    for place in list(rest):
        if not rest[place].cells or rest[place].is_phonetic:
            names[place] = f"{IGNORED}_{place + 1}"
        elif rest[place].is_language and LANGUAGE not in names.values():
            names[place] = LANGUAGE
    rest = {place: column for place, column in rest.items() if place not in names}
    names |= _texts(names, rest, even)
    text = next(place for place, name in names.items() if name == TEXT)
    lengths = [len(row[text]) for row in even]
    for place, column in rest.items():
        if place not in names and column.is_number:
            names |= _number(place, [row[place] for row in even], lengths, names, width)
    return _labels(names, rest, width)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells most rows have; of two that are as many, the larger."""
    counts = Counter(map(len, rows))
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _texts(
    names: dict[int, str], rest: dict[int, _Column], rows: Sequence[Sequence[str]]
) -> dict[int, str]:
    """Which column is the text; of two that say the same, as LJSpeech has them, the second."""
    found = [place for place, column in rest.items() if column.is_text and not column.is_number]
    if len(found) > 1:  # a name of several words is no text beside one
        varied = [place for place in found if not rest[place].is_label]
        found = varied or found
    if len(found) == 1:
        return {found[0]: TEXT}
    width = len(rows[0])
    if len(found) == 2 and found[1] == found[0] + 1:
        if _similarity([(row[found[0]], row[found[1]]) for row in rows[:_SAMPLE]]) >= 50:
            return {found[0]: RAW, found[1]: TEXT}
    if not found:
        raise ColumnsUnclear("none of its columns is clearly the text", _filled(names, width, TEXT))
    shown = " and ".join(str(place + 1) for place in found[:2])
    header = _filled(names | {found[0]: TEXT}, width)
    raise ColumnsUnclear(f"its columns {shown} could both be the text", header)


def _similarity(pairs: Sequence[tuple[str, str]]) -> float:
    """How much of two texts is the same, 0 to 100."""
    scores = [fuzz.ratio(raw.casefold(), text.casefold()) for raw, text in pairs if raw and text]
    return mean(scores) if scores else 0.0


def _number(
    place: int, cells: Sequence[str], lengths: Sequence[int], names: dict[int, str], width: int
) -> dict[int, str]:
    """A number that grows with the text is a length, one that is the same in all rows says
    nothing, and one of a few that does neither is a speaker's."""
    unused = {place: f"{IGNORED}_{place + 1}"}
    if len(set(cells)) == 1:
        return unused
    values = [float(cell.replace(",", ".") or 0) for cell in cells]
    try:
        like_length = correlation(values, lengths)
    except StatisticsError:  # texts of one length
        like_length = 0.0
    if like_length >= 0.8:
        return unused
    is_speaker = _Column(tuple(cells)).repeats and all(cell.isdecimal() for cell in cells)
    if is_speaker and like_length < 0.5 and SPEAKER not in names.values():
        return {place: SPEAKER}
    reason = f"its column {place + 1} could be a speaker, a length or something else"
    raise ColumnsUnclear(reason, _filled(names | {place: SPEAKER}, width))


def _labels(names: dict[int, str], rest: dict[int, _Column], width: int) -> list[str]:
    """A column of emotions is the category, the only other one of names is the speaker."""
    for place, column in rest.items():
        if place in names:
            continue
        wanted = CATEGORY if column.is_category and column.is_label else SPEAKER
        if not column.is_label or wanted in names.values():
            reason = f"what its column {place + 1} holds is not clear"
            raise ColumnsUnclear(reason, _filled(names | {place: f"{IGNORED}_{place + 1}"}, width))
        names[place] = wanted
    return _filled(names, width)


def _filled(names: dict[int, str], width: int, missing: str = "") -> list[str]:
    """The names in order; a column without one gets `missing` once, then says that it is unused."""
    filled = []
    for place in range(width):
        name = names.get(place)
        if name is None and missing:
            name, missing = missing, ""
        filled.append(name or f"{IGNORED}_{place + 1}")
    return filled
