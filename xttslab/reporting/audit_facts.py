"""Reads the tables of a prepared data set and derives the facts and advice of its audit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import dataclasses as checked

from xttslab.data.balance import repeats, shares
from xttslab.data.manifest import EVAL, Clip, read_folder
from xttslab.data.preparing.folder import read_table
from xttslab.data.preparing.text_checks import TEACHES
from xttslab.data.preparing.text_coverage import ENDS_EARLY, GOES_ON, MISFITS
from xttslab.reporting.loss_tables import beside
from xttslab.text.hungarian import ALPHABET, PHONEMES, phonemes

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
class DatasetFacts:
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

    def groups(self, key: Callable[[AuditedClip], str]) -> list[ClipGroup]:
        """Clips by `key`, in alphabetical order."""
        names = sorted({key(clip) for clip in self.clips})
        return [ClipGroup.of(name, [c for c in self.clips if key(c) == name]) for name in names]

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
        known = [(clip, np.log(rate)) for clip in self.clips if (rate := clip.rate)]
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
class ClipGroup:
    """Some clips of a set under one name: how many, how long, how many held out, how many in a
    category that is only proposed."""

    name: str
    clips: int
    minutes: float
    held_out: int
    proposed: int

    @classmethod
    def of(cls, name: str, members: Sequence[AuditedClip]) -> ClipGroup:
        """Count the members of a group."""
        return cls(
            name,
            len(members),
            sum(member.seconds for member in members) / 60,
            sum(member.clip.split == EVAL for member in members),
            sum(member.clip.category_assumed for member in members),
        )


def read_facts(folder: Path) -> DatasetFacts:
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
    return DatasetFacts(folder.name, folder, tuple(audited), *(tuple(table) for table in tables))


_NAMES = ("audio_file", "origin")


def _number(cell: str | None) -> float | None:
    return float(cell) if cell else None


_RARE_LETTERS = "qwxy"  # foreign words only


@checked.dataclass(frozen=True)
class AuditRules:
    """Limits of the advice; conf/prepare/audit.yaml says where each comes from."""

    least_clips: int
    enough_clips: int
    least_minutes: float
    enough_minutes: float
    least_in_category: int
    enough_in_category: int
    least_of_sound: int
    longest_s: float
    rejected_share: float
    review_share: float
    max_repeats: int
    told_apart: float


@dataclass(frozen=True)
class AuditAdvice:
    """What to do, and the measurement that says so."""

    what: str
    because: str


def advise(facts: DatasetFacts, rules: AuditRules) -> list[AuditAdvice]:
    """Everything that the rules have to say about a set, most pressing first."""
    found = [
        *_no_text(facts),
        *_texts(facts),
        *_amount(facts, rules),
        *_categories(facts, rules),
        *_coverage(facts, rules),
        *_quality(facts, rules),
    ]
    return found or [AuditAdvice("train on it", "no rule has anything against this data set")]


def reasons(facts: DatasetFacts) -> list[tuple[str, int]]:
    """Why clips were not used, most often first; line numbers and file names left out."""
    plain = (re.sub(r"^(line|entry) \d+: | as \S+$", "", row["reason"]) for row in facts.rejected)
    return Counter(plain).most_common()


def _no_text(facts: DatasetFacts) -> Iterator[AuditAdvice]:
    silent = sum(not clip.clip.text for clip in facts.clips)
    if silent:
        yield AuditAdvice(
            "write the missing texts into metadata.csv, or prepare with transcripts.model=packaged",
            f"{silent} of {len(facts.clips)} clips have no text and are not trained on",
        )


def _texts(facts: DatasetFacts) -> Iterator[AuditAdvice]:
    """What a voice learns from texts that are not what is said, or no whole sentences."""
    counts, total = Counter(row["check"] for row in facts.review), len(facts.clips)
    for kind, lesson in ((ENDS_EARLY, "to add words"), (GOES_ON, "to swallow words")):
        if counts[kind]:
            reason = f"in {counts[kind]} of {total} clips {MISFITS[kind]}: that teaches {lesson}"
            yield AuditAdvice(f"mend the texts that review.csv calls {kind}", reason)
    for kind, (what, consequence) in TEACHES.items():
        if counts[kind]:
            yield AuditAdvice(what, f"{counts[kind]} of {total} texts {consequence}")


def _amount(facts: DatasetFacts, rules: AuditRules) -> Iterator[AuditAdvice]:
    if len(facts.clips) < rules.least_clips or facts.minutes < rules.least_minutes:
        minutes = beside(facts.minutes, rules.least_minutes, 1)
        yield AuditAdvice(
            f"record more: {rules.least_clips}-{rules.enough_clips} clips, "
            f"{rules.least_minutes:.0f}-{rules.enough_minutes:.0f} min are recommended",
            f"there are {len(facts.clips)} clips, {minutes} min",
        )


def _categories(facts: DatasetFacts, rules: AuditRules) -> Iterator[AuditAdvice]:
    named = Counter(c.clip.category for c in facts.clips if not c.clip.category_assumed)
    few = [f"{n} {count}" for n, count in sorted(named.items()) if count < rules.least_in_category]
    if few:
        yield AuditAdvice(
            f"record {rules.least_in_category}-{rules.enough_in_category} clips of every category",
            f"too few: {', '.join(few)}",
        )
    if len(named) > 1 and max(named.values()) > 2 * min(named.values()):
        groups = [c.clip.category if not c.clip.category_assumed else "" for c in facts.clips]
        rarest = min(named, key=lambda name: (named[name], name))
        part = {
            balance: shares(groups, repeats(groups, balance, rules.max_repeats))[rarest]
            for balance in ("none", "sqrt", "equal")
        }
        if part["sqrt"] > part["none"]:  # else a clip may not be repeated often enough to help
            effects = ", ".join(f"{balance} {share:.1%}" for balance, share in part.items())
            yield AuditAdvice(
                "try batch.balance=sqrt",
                f"part of {rarest}, the rarest category, in an epoch: {effects} "
                f"(no clip more than {rules.max_repeats} times)",
            )
    assumed = sum(clip.clip.category_assumed for clip in facts.clips)
    if assumed:
        yield AuditAdvice(
            "confirm the proposed categories: take the ? away in metadata.csv, or correct them",
            f"{assumed} of {len(facts.clips)} clips have no category that a person named",
        )


def _coverage(facts: DatasetFacts, rules: AuditRules) -> Iterator[AuditAdvice]:
    if not facts.hungarian or not any(clip.clip.text for clip in facts.clips):
        return
    for kind, counts in (("letters", facts.letters()), ("sounds", facts.sounds())):
        rare = {sign: count for sign, count in counts.items() if count < rules.least_of_sound}
        shown = [f"{sign} {n}" for sign, n in rare.items() if sign not in _RARE_LETTERS]
        if shown:
            yield AuditAdvice(
                f"add sentences with the rare {kind}",
                f"fewer than {rules.least_of_sound} times: {', '.join(shown)}",
            )


def _quality(facts: DatasetFacts, rules: AuditRules) -> Iterator[AuditAdvice]:
    total = len(facts.clips) + len(facts.rejected)
    if total and len(facts.rejected) / total > rules.rejected_share:
        most, count = reasons(facts)[0]
        yield AuditAdvice(
            "look at rejected.csv",
            f"{len(facts.rejected)} of {total} were not used, most often: {most} ({count})",
        )
    heard = [row for row in facts.review if row["check"] not in TEACHES]
    seen = {row["audio_file"] for row in heard}
    if facts.clips and len(seen) / len(facts.clips) > rules.review_share:
        checks = Counter(row["check"] for row in heard)
        named = ", ".join(f"{check} {count}" for check, count in checks.most_common())
        yield AuditAdvice(
            f"hear the doubtful clips: python -m xttslab.review dataset={facts.name}",
            f"{len(seen)} of {len(facts.clips)} clips: {named}",
        )
    odd = len(facts.odd_rates())
    if odd:
        yield AuditAdvice(
            "listen to the clips whose text and length do not fit",
            f"{odd} {'is' if odd == 1 else 'are'} spoken far faster or slower than the others: "
            "a text may be wrong",
        )
    long = sum(clip.seconds > rules.longest_s for clip in facts.clips)
    if long:
        yield AuditAdvice(
            f"keep in mind that other XTTS trainers drop clips over {rules.longest_s:.1f} s",
            f"{long} clips are longer; they are trained on here"
            if long > 1
            else "1 clip is longer; it is trained on here",
        )
