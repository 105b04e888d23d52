"""Builds the audit page of a prepared data set: histograms, counts, outliers and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.data.datasheet import read_sheet
from xttslab.data.lexicons import data_lexicon
from xttslab.data.preparing.text_checks import TEACHES
from xttslab.files import write_atomically
from xttslab.reporting.audit_facts import AuditRules, DatasetFacts, advise, read_facts, reasons
from xttslab.reporting.category_test import CategoryTest, compare_categories
from xttslab.reporting.html import data_uri, render
from xttslab.text.foreign_words import ForeignWord, foreign_words
from xttslab.text.lexicon import usage

_BINS = 16


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its count, and its height as a part of the highest."""

    label: str
    count: float
    height: float
    low: bool = False


@dataclass(frozen=True)
class BarChart:
    """A bar chart; `summary` says in words what it shows. `named`: its bars stand for names, not
    for places on an axis."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    summary: str
    named: bool = False

    @property
    def longest_label(self) -> int:
        """In letters."""
        return max(len(bar.label) for bar in self.bars)


def histogram(title: str, unit: str, values: Sequence[float], digits: int = 1) -> BarChart | None:
    """How the values spread, in at most 16 bins of a round width; None without values."""
    if not values:
        return None
    data = np.array(values, float)
    width = _round_width((data.max() - data.min()) / _BINS)
    first = np.floor(data.min() / width)
    count = int(np.floor(data.max() / width) - first) + 1
    edges = (first + np.arange(count + 1)) * width
    counts, _ = np.histogram(data.clip(edges[0], edges[-1]), edges)
    labels = [f"{edge:.{_digits(width)}f}" for edge in edges[:-1]]
    low, middle, high = np.quantile(data, (0.05, 0.5, 0.95))
    summary = (
        f"median {middle:.{digits}f} {unit}, 90 % between {low:.{digits}f} and {high:.{digits}f}"
    )
    return BarChart(title, unit, _bars(labels, counts.tolist()), summary)


def counts(
    title: str, unit: str, values: Mapping[str, float], least: float = 0.0
) -> BarChart | None:
    """One bar a name, in the order given; bars under `least` are marked. None without names."""
    if not values:
        return None
    bars = _bars(list(values), list(values.values()), least)
    few = [bar.label for bar in bars if bar.low]
    summary = f"{sum(values.values()):g} {unit} in all"
    if few:
        summary = f"fewer than {least:g}: {', '.join(few)}"
    return BarChart(title, unit, bars, summary, named=True)


def _bars(labels: Sequence[str], values: Sequence[float], least: float = 0.0) -> tuple[Bar, ...]:
    highest = max(values) or 1
    pairs = zip(labels, values, strict=True)
    return tuple(Bar(label, value, value / highest, value < least) for label, value in pairs)


def _round_width(width: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ."""
    if width <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= width * 0.999))


def _digits(width: float) -> int:
    return max(0, -int(np.floor(np.log10(width))))


HTML, MARKDOWN = "audit.html", "audit.md"
_PLAYERS = 24  # clips to listen to; each takes about 30 kB
_ROWS = 50  # of the longer tables


@dataclass(frozen=True)
class Listening:
    """A clip that should be heard, why, and its sound as a data URI."""

    name: str
    why: str
    text: str
    language: str
    sound: str


@dataclass(frozen=True)
class WrittenAudit:
    """The HTML page, and whether the categories sound different, where that can be told."""

    page: Path
    category_test: CategoryTest | None


def write_audit(folder: Path, rules: AuditRules) -> WrittenAudit:
    """Write both forms of the audit.

    The page holds its sounds and pictures itself: it opens from disk and inside MLflow alike.
    """
    facts = read_facts(folder)
    test = compare_categories(facts, rules)
    content = _content(facts, rules, test)
    for file in (HTML, MARKDOWN):
        write_atomically(folder / file, render(f"{file}.j2", content).encode())
    return WrittenAudit(folder / HTML, test)


def _content(
    facts: DatasetFacts, rules: AuditRules, test: CategoryTest | None
) -> Mapping[str, Any]:
    return {
        "title": f"Data audit: {facts.name}",
        "facts": facts,
        "sheet": read_sheet(facts.folder),
        "advice": advise(facts, rules),
        "category_test": test,
        "categories": facts.groups(lambda clip: clip.clip.category),
        "sources": facts.groups(lambda clip: clip.clip.source or facts.name),
        "charts": _charts(facts, rules),
        "reasons": reasons(facts),
        "listening": _listening(facts),
        "cleaned": _cleaned(facts),
        "lexicon": _lexicon_use(facts),
        "most_rows": _ROWS,
    }


def _charts(facts: DatasetFacts, rules: AuditRules) -> list[BarChart]:
    by_category = {group.name: group.clips for group in facts.groups(lambda c: c.clip.category)}
    rates = [rate for clip in facts.clips if (rate := clip.rate) is not None]
    found = [
        counts("Clips by category", "clips", by_category, rules.least_in_category),
        histogram("Length", "s", [clip.seconds for clip in facts.clips if clip.seconds]),
        histogram("Loudness as recorded", "LUFS", facts.values("lufs")),
        histogram("Speech over pauses", "dB", facts.values("snr_db")),
        histogram("Pitch", "Hz", facts.values("pitch_hz"), 0),
        histogram("Speaking rate", "characters/s", rates),
    ]
    if facts.hungarian and rates:
        least = rules.least_of_sound
        found += [
            counts("Letters of the alphabet", "times", facts.letters(), least),
            counts("Sounds of Hungarian", "times", facts.sounds(), least),
        ]
    return [chart for chart in found if chart is not None]


def _listening(facts: DatasetFacts) -> list[Listening]:
    """Outliers of text against length first, then what the checks point at; one player a clip."""
    why: dict[str, list[str]] = {}
    for clip, score in facts.odd_rates():
        speed = "fast" if score > 0 else "slow"
        why.setdefault(_name(facts, clip.clip.audio), []).append(
            f"{clip.rate:.1f} characters/s, far too {speed}: does the text fit?"
        )
    for row in sorted(facts.review, key=lambda row: row["check"] in TEACHES):
        why.setdefault(row["audio_file"], []).append(f"{row['finding']} ({row['value']})")
    clips = {_name(facts, clip.clip.audio): clip.clip for clip in facts.clips}
    chosen = [(name, clips[name]) for name in why if name in clips][:_PLAYERS]
    return [
        Listening(name, "; ".join(why[name]), clip.text, clip.language, data_uri(clip.audio))
        for name, clip in chosen
    ]


def _name(facts: DatasetFacts, audio: Path) -> str:
    return audio.relative_to(facts.folder).as_posix()


@dataclass(frozen=True)
class LexiconUse:
    """How words are said: the lexicon's words with how often each is used, and words that look
    foreign and have no entry, the most frequent ones of `foreign_count`."""

    used: Mapping[str, int]
    foreign: tuple[ForeignWord, ...]
    foreign_count: int


def _lexicon_use(facts: DatasetFacts) -> LexiconUse:
    lexicon, texts = data_lexicon([facts.folder]), [clip.clip.text for clip in facts.clips]
    foreign = foreign_words(texts, lexicon) if facts.hungarian else []
    return LexiconUse(usage(lexicon, texts), tuple(foreign[:_ROWS]), len(foreign))


def _cleaned(facts: DatasetFacts) -> tuple[float, float] | None:
    """Median speech over pauses before and after noise reduction; None where it was off."""
    before = [clip for clip in facts.clips if "snr_before_db" in clip.measures]
    if not before:
        return None
    middle = len(before) // 2
    return (
        sorted(clip.measures["snr_before_db"] for clip in before)[middle],
        sorted(clip.measures["snr_db"] for clip in before)[middle],
    )
