"""Takes the category of clips from their folders, or proposes one from their text and prosody.

The rules are in conf/prepare/categories.yaml. Prosody is compared with the speaker's own median in
the same set, so the rules hold for every voice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import dataclasses as checked

from xttslab.data.audio_names import folded
from xttslab.data.manifest import ASSUMED, Clip, is_category, slug
from xttslab.errors import UserError

_JOIN = "rename one of them"


def plain_names(names: Iterable[str], kind: str, remedy: str = _JOIN) -> dict[str, str]:
    """The category that each name becomes: `Kérdés` → `kerdes`.

    Raises UserError where two names would be one though they differ by more than case, and for a
    name without a Latin letter or a digit.
    """
    plain: dict[str, str] = {}
    first: dict[str, str] = {}
    for name in dict.fromkeys(names):
        category = slug(name)
        if category == ASSUMED and name.casefold() != ASSUMED:
            raise UserError(f"{kind} {name!r}: a category is written with a-z, 0-9, _ and - only")
        other = first.setdefault(category, name)
        if folded(other) != folded(name):
            differ = f"{kind} {other!r} and {name!r} differ by accents or signs only"
            raise UserError(f"{differ}, and both would be {category!r}; {remedy}")
        plain[name] = category
    return plain


@checked.dataclass(frozen=True)
class FolderCategories:
    """Which folders are categories. `folders`: the category of a folder (both as `slug` writes
    them), None for none; `no_category`: words of names that say a length or a technical matter;
    `most_folders`: with more names than that, folders sort by something else."""

    folders: Mapping[str, str | None] | None
    no_category: tuple[str, ...]
    most_folders: int

    def __post_init__(self) -> None:
        for folder, category in (self.folders or {}).items():
            if category is not None and not is_category(category):
                what = f"categories.folders: {folder}: {category!r} may hold a-z, 0-9, _ and - only"
                raise UserError(f"{what}; write {slug(category)!r}")

    def name(self, clips: Sequence[Clip], origins: Sequence[str]) -> tuple[list[Clip], list[str]]:
        """Give clips the category of the folder that they lie in, where no clip has one; also what
        was understood, in lines. `origins` are their files' paths in the source.

        Raises UserError for folders that differ by an accent only.
        """
        if any(clip.category != ASSUMED or not clip.category_assumed for clip in clips):
            return list(clips), []
        named = [self._folder(clip, origin) for clip, origin in zip(clips, origins, strict=True)]
        names = sorted({name for name in named if name})
        rest = [name for name in names if not self._is_mapped(name)]
        if not names or self._say_nothing(rest, named):
            return list(clips), self._unused(rest)
        plain = plain_names(rest, "folders", f"{_JOIN}, or {_join_of(rest)}")
        plain |= {name: self._mapped()[slug(name)] or "" for name in names if name not in rest}
        found = [
            replace(clip, category=plain[name], category_assumed=False) if name else clip
            for clip, name in zip(clips, named, strict=True)
        ]
        return found, [_told(found, origins, plain)]

    def _mapped(self) -> dict[str, str | None]:
        return {slug(str(name)): category for name, category in (self.folders or {}).items()}

    def _is_mapped(self, name: str) -> bool:
        return slug(name) in self._mapped()

    def _folder(self, clip: Clip, origin: str) -> str:
        """The name of the nearest folder above a clip that says how it is spoken."""
        mapped = self._mapped()
        for name in reversed(origin.split("/")[:-1]):
            if slug(name) in mapped:
                if mapped[slug(name)]:
                    return name
            elif not self._is_technical(name) and slug(name) != slug(clip.speaker):
                return name
        return ""

    def _is_technical(self, name: str) -> bool:
        words = [word.strip("0123456789") for word in re.split("[-_]+", slug(name))]
        none = set(self.no_category)
        return slug(name) == ASSUMED != name.casefold() or all(
            len(word) < 2 or word in none for word in words
        )

    def _say_nothing(self, rest: Sequence[str], named: Sequence[str]) -> bool:
        """Whether the names tell no clips apart, or too many."""
        one_for_all = len(set(named)) == 1 and bool(rest)
        return one_for_all or len(rest) > self.most_folders

    def _unused(self, names: Sequence[str]) -> list[str]:
        if not names:
            return []
        if len(names) > self.most_folders:
            what = f"{len(names)} folders ({', '.join(sorted(names)[:3])} …) are too many to be"
            return [f"no categories from the folders: {what} categories"]
        name = names[0]
        change = f"categories.folders={{{slug(name)}: {slug(name)}}}"
        return [
            f"no category from the folder {name}, as all clips lie in it; {change} makes it one"
        ]


def _join_of(names: Sequence[str]) -> str:
    counts = Counter(slug(name) for name in names)
    twice = next((name for name, count in counts.items() if count > 1), "a")
    return f"join them by categories.folders={{{twice}: {twice}}}"


def _told(clips: Sequence[Clip], origins: Sequence[str], plain: Mapping[str, str]) -> str:
    counts = Counter(clip.category for clip in clips if not clip.category_assumed)
    line = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    line = f"categories from the folders: {line}"
    changed = [f"{name} → {to}" for name, to in sorted(plain.items()) if name != to]
    line += f" ({', '.join(changed)})" if changed else ""
    bare = [o for clip, o in zip(clips, origins, strict=True) if clip.category_assumed]
    folders = sorted({origin.rpartition("/")[0] or "." for origin in bare})
    if bare:
        shown = ", ".join(folders[:5]) + (" …" if len(folders) > 5 else "")
        line += f"; {len(bare)} clips without one in {shown}"
    return line


@dataclass(frozen=True)
class ClipDelivery:
    """How a clip is spoken: measurements and its text; a measurement may be missing."""

    text: str
    measures: Mapping[str, float]

    @property
    def rate(self) -> float | None:
        """Characters a second."""
        seconds = self.measures.get("seconds", 0.0)
        return len(self.text) / seconds if seconds else None


@checked.dataclass(frozen=True)
class Rule:
    """Proposes `category` where the text matches (any case) and the prosody lies so far from the
    median: pitch and pitch range in semitones, speaking rate as a factor. None: does not matter."""

    category: str
    text: str | None = None
    pitch_above_st: float | None = None
    range_above_st: float | None = None
    rate_below: float | None = None

    def holds(self, clip: ClipDelivery, usual: Mapping[str, float]) -> bool:
        """Whether the rule applies to a clip of a set with the medians `usual`."""
        if self.text is not None and not re.search(self.text, clip.text, re.IGNORECASE):
            return False
        pitch, spread = clip.measures.get("pitch_hz"), clip.measures.get("pitch_range_st")
        if self.pitch_above_st is not None and not (
            pitch and 12 * np.log2(pitch / usual["pitch_hz"]) >= self.pitch_above_st
        ):
            return False
        if self.range_above_st is not None and not (
            spread and spread - usual["pitch_range_st"] >= self.range_above_st
        ):
            return False
        rate = clip.rate
        return self.rate_below is None or bool(rate and rate <= self.rate_below * usual["rate"])


@dataclass(frozen=True)
class Proposer:
    """Proposes the category of the first rule that holds, else neutral."""

    rules: Sequence[Rule]

    def propose(self, clips: Sequence[ClipDelivery]) -> list[str]:
        """One category for every clip of a set."""
        usual = {
            "pitch_hz": _median([clip.measures.get("pitch_hz") for clip in clips]),
            "pitch_range_st": _median([clip.measures.get("pitch_range_st") for clip in clips]),
            "rate": _median([clip.rate for clip in clips]),
        }
        return [
            next((rule.category for rule in self.rules if rule.holds(clip, usual)), ASSUMED)
            for clip in clips
        ]


def proposer(rules: Sequence[Mapping[str, Any]]) -> Proposer:
    """A proposer from rules as they stand in the configuration."""
    return Proposer([Rule(**rule) for rule in rules])


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value]
    return float(np.median(known)) if known else 1.0
