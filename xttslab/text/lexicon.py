"""Applies a pronunciation lexicon: replaces words, `written|spoken`, by how they are said."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from xttslab.errors import UserError
from xttslab.text.characters import LETTER
from xttslab.text.suffixes import attach, is_suffix

HEADER = ("written", "spoken")
SEPARATOR = "|"
_WORD = re.compile(rf"[{LETTER}]")
_SPACES = re.compile(r"\s+")
_SHORT, _SHORTEST = 4, 2  # letters of a word, and of a name, that other words begin with


@dataclass(frozen=True)
class Entry:
    """One row: where it stands (`lexicon.csv line 3`), what is written and what is said."""

    place: str
    written: str
    spoken: str

    @property
    def key(self) -> str:
        """What entries are told apart by: case counts only in a word of capitals ("IT", "it")."""
        return self.written if self.written.isupper() else self.written.casefold()


class Lexicon:
    """Words and how they are said.

    A word is found whole or with a suffix, hyphenated or not ("Shakespeare-rel", "Williamnek"),
    whatever its case. One in capitals ("IT") is found in capitals alone, a short name ("Max") with
    its capital alone, and what is short takes no suffix without a hyphen, for other words begin
    with it. What is said may hold further words of the lexicon, which are replaced too.

    Raises UserError that names the row for an entry without a letter, two different entries for
    one word, and entries that lead back to themselves.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: dict[str, Entry] = {}
        for entry in entries:
            self._add(entry)
        self._spoken = {key: self._resolved(key, ()) for key in self.entries}

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lexicon) and self.rows() == other.rows()

    __hash__ = None  # type: ignore[assignment]

    def apply(self, text: str, used: Counter[str] | None = None) -> str:
        """The text with every known word as it is said; `used` counts the written words found."""
        if not self.entries:
            return text

        def said(match: re.Match[str]) -> str:
            found = self._found(match)
            if found is None:
                return match[0]
            key, suffix = found
            if used is not None:
                used[self.entries[key].written] += 1
            spoken = self._spoken[key]
            if suffix:
                spoken = attach(spoken, suffix)
            return spoken[0].upper() + spoken[1:] if match[0][0].isupper() else spoken

        return self._pattern.sub(said, text)

    def rows(self) -> list[tuple[str, str]]:
        """Written and spoken, sorted."""
        return sorted((entry.written, entry.spoken) for entry in self.entries.values())

    @property
    def digest(self) -> str:
        """SHA-256 of the rows; empty for a lexicon without any."""
        joined = "\n".join(SEPARATOR.join(row) for row in self.rows())
        return hashlib.sha256(joined.encode()).hexdigest() if joined else ""

    def overridden_by(self, other: Lexicon) -> Lexicon:
        """Both lexicons' words, as `other` says them where both have one."""
        kept = [entry for key, entry in self.entries.items() if key not in other.entries]
        return Lexicon([*kept, *other.entries.values()])

    def written(self) -> str:
        """The lexicon as a file."""
        lines = [SEPARATOR.join(row) for row in (HEADER, *self.rows())]
        return "\n".join(lines) + "\n"

    def _add(self, entry: Entry) -> None:
        known = self.entries.get(entry.key)
        if known and known.spoken != entry.spoken:
            raise UserError(
                f"{entry.place}: {entry.written!r} is said {entry.spoken!r} here and "
                f"{known.spoken!r} in {known.place}; keep one of the two"
            )
        self.entries.setdefault(entry.key, entry)

    def _resolved(self, key: str, seen: tuple[str, ...]) -> str:
        """What is said for an entry, the words of other entries in it replaced."""
        entry = self.entries[key]
        if key in seen:
            chain = " → ".join(self.entries[one].written for one in (*seen[seen.index(key) :], key))
            raise UserError(f"{entry.place}: leads back to itself ({chain}); write how it sounds")

        def said(match: re.Match[str]) -> str:
            found = self._found(match)
            if found is None:
                return match[0]
            spoken = self._resolved(found[0], (*seen, key))
            return attach(spoken, found[1]) if found[1] else spoken

        return self._pattern.sub(said, entry.spoken)

    def _found(self, match: re.Match[str]) -> tuple[str, str] | None:
        """The entry that a match is of, and its suffix; None where other letters follow."""
        written, suffix = _SPACES.sub(" ", match["written"]), match["suffix"]
        key = written if written in self.entries else written.casefold()
        if key not in self.entries or (suffix and not is_suffix(suffix)):
            return None
        name = self.entries[key].written[0].isupper()
        if name and len(written) <= _SHORT and not written[0].isupper():
            return None
        if suffix and not match["hyphen"] and len(written) <= (_SHORTEST if name else _SHORT):
            return None
        return key, suffix

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.entries.values(), key=lambda entry: -len(entry.written))
        words = "|".join(
            r"\s+".join(re.escape(part) for part in entry.written.split())
            for entry in longest_first
        )
        return re.compile(
            rf"(?<![{LETTER}0-9])(?P<written>{words})(?P<hyphen>-?)(?P<suffix>[{LETTER}]*)"
            rf"(?![{LETTER}0-9])",
            re.IGNORECASE,
        )


def parse_lexicon(lines: Iterable[tuple[int, str]], name: str) -> list[Entry]:
    """The entries of a file's numbered lines; blank lines, `#` comments and the header are passed
    over. Raises UserError that names the row for one that is not `written|spoken`."""
    entries = []
    for number, line in lines:
        cells = [_SPACES.sub(" ", cell).strip() for cell in line.split(SEPARATOR)]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if tuple(cell.lower() for cell in cells[:2]) == HEADER:
            continue
        place = f"{name} line {number}"
        if len(cells) != 2:
            raise UserError(
                f"{place}: {line.strip()!r} is not written{SEPARATOR}spoken; correct it"
            )
        entries.append(_checked(Entry(place, *cells)))
    return entries


def _checked(entry: Entry) -> Entry:
    if not entry.written or not _WORD.search(entry.written):
        raise UserError(f"{entry.place}: {entry.written!r} holds no letter; write a word before |")
    if not _WORD.search(entry.spoken):
        raise UserError(
            f"{entry.place}: {entry.written!r} has nothing that is spoken; write how it sounds "
            "behind |"
        )
    if entry.key == Entry("", entry.spoken, "").key:
        raise UserError(
            f"{entry.place}: leads back to itself ({entry.written} → {entry.spoken}); write how it "
            "sounds"
        )
    return entry


def usage(lexicon: Lexicon, texts: Iterable[str]) -> Mapping[str, int]:
    """How often each written word of the lexicon stands in the texts; those that never do too."""
    used: Counter[str] = Counter({written: 0 for written, _ in lexicon.rows()})
    for text in texts:
        lexicon.apply(text, used)
    return dict(used.most_common())
