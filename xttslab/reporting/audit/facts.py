"""The tables of a prepared data set in, everything that its audit shows out, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xttslab.data.manifest import EVAL, Clip, read_folder
from xttslab.data.phonemes import ALPHABET, PHONEMES, phonemes
from xttslab.data.preparing.output import read_table

_ODD = 3.5  # robust z-score beyond which a speaking rate is an outlier (Iglewicz & Hoaglin, 1993)
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class AuditedClip:
    """A row of the manifest with its measurements by name; those that were not made are absent."""

    clip: Clip
    origin: str
    measures: dict[str, float]

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.measures.get("seconds", 0.0)

    @property
    def rate(self) -> float | None:
        """Characters of text a second; None without text."""
        return len(self.clip.text) / self.seconds if self.clip.text and self.seconds else None


@dataclass(frozen=True)
class Facts:
    """All that is known of a prepared set. `rejected`, `review` and `changed` are rows of the
    tables of these names."""

    name: str
    folder: Path
    clips: tuple[AuditedClip, ...]
    rejected: tuple[dict[str, str], ...]
    review: tuple[dict[str, str], ...]
    changed: tuple[dict[str, str], ...]

    @property
    def minutes(self) -> float:
        """Length of all clips together."""
        return sum(clip.seconds for clip in self.clips) / 60

    @property
    def hungarian(self) -> bool:
        """Whether the texts are Hungarian, so that its letters and sounds can be counted."""
        return bool(self.clips) and all(clip.clip.language == "hu" for clip in self.clips)

    def groups(self, key: Callable[[AuditedClip], str]) -> list[Group]:
        """Clips by `key`, in alphabetical order."""
        names = sorted({key(clip) for clip in self.clips})
        return [Group.of(name, [c for c in self.clips if key(c) == name]) for name in names]

    def values(self, name: str) -> list[float]:
        """A measurement of every clip that has it."""
        return [clip.measures[name] for clip in self.clips if name in clip.measures]

    def letters(self) -> dict[str, int]:
        """How often each letter of the Hungarian alphabet stands in the texts."""
        counts = Counter(letter for clip in self.clips for letter in clip.clip.text.lower())
        return {letter: counts[letter] for letter in ALPHABET}

    def sounds(self) -> dict[str, int]:
        """How often each phoneme of Hungarian is spoken in the texts."""
        counts = Counter(sound for clip in self.clips for sound in phonemes(clip.clip.text))
        return {sound: counts[sound] for sound in PHONEMES}

    def odd_rates(self) -> list[tuple[AuditedClip, float]]:
        """Clips whose text and length do not fit together, oddest first, with their z-score."""
        spoken = [(clip, clip.rate) for clip in self.clips]
        known = [(clip, np.log(rate)) for clip, rate in spoken if rate]
        if len(known) < 5:
            return []
        values = np.array([value for _, value in known])
        centre = float(np.median(values))
        spread = _MAD_TO_SIGMA * float(np.median(np.abs(values - centre)))
        scores = (values - centre) / max(spread, 1e-3)
        odd = [
            (clip, float(score))
            for (clip, _), score in zip(known, scores, strict=True)
            if abs(score) > _ODD
        ]
        return sorted(odd, key=lambda pair: -abs(pair[1]))


@dataclass(frozen=True)
class Group:
    """Some clips of a set under one name: how many, how long, how many held out, how many in a
    category that is only proposed."""

    name: str
    clips: int
    minutes: float
    held_out: int
    proposed: int

    @classmethod
    def of(cls, name: str, members: Sequence[AuditedClip]) -> Group:
        """Count the members of a group."""
        return cls(
            name,
            len(members),
            sum(member.seconds for member in members) / 60,
            sum(member.clip.split == EVAL for member in members),
            sum(member.clip.category_assumed for member in members),
        )


def read_facts(folder: Path) -> Facts:
    """Read the tables of a prepared set; raises UserError where there is no manifest."""
    clips, _ = read_folder(folder, folder.name, raw=True)
    rows = {row["audio_file"]: row for row in read_table(folder / "clips.csv")}
    audited = []
    for clip in clips:
        row = rows.get(clip.audio.relative_to(folder).as_posix(), {})
        measures = {name: _number(cell) for name, cell in row.items() if name not in _NAMES}
        known = {name: value for name, value in measures.items() if value is not None}
        audited.append(AuditedClip(clip, row.get("origin", ""), known))
    tables = [read_table(folder / f"{name}.csv") for name in ("rejected", "review", "changed")]
    return Facts(folder.name, folder, tuple(audited), *(tuple(table) for table in tables))


_NAMES = ("audio_file", "origin")


def _number(cell: str | None) -> float | None:
    return float(cell) if cell else None
