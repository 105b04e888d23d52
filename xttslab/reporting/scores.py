"""A run's logged scores in, marks with intervals by aspect and category, best and worst clips out.

Reads what the evaluation stored (metrics `score/…` and its table of clips); a listener's marks
(`listener/…`) stand beside the measured ones. What is not there is not measured.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xttslab.reporting.record import RunData

TABLE = "evaluation/clips.csv"
LISTENER = "listener"


@dataclass(frozen=True)
class Aspect:
    """One of the six aspects: its title, what its mark rests on, and what lifts a low one."""

    title: str
    rests_on: str
    remedy: str


ASPECTS = {
    "voice_similarity": Aspect(
        "Voice similarity",
        "cosine of speaker embeddings (Resemblyzer) to held-out real clips",
        "Use longer, cleaner reference clips of this speaker (evaluate search=references).",
    ),
    "pronunciation": Aspect(
        "Pronunciation",
        "character error rate of Whisper, against the speaker's real clips",
        "Correct the transcripts that the audit doubts, and spell out figures and initials.",
    ),
    "naturalness": Aspect(
        "Naturalness",
        "predicted opinion score (DistillMOS), against real clips",
        "Lower the sampling temperature, and train on recordings of one sound quality.",
    ),
    "emotion": Aspect(
        "Emotion/tone",
        "distance of pitch, range, energy and rate to the category's real clips",
        "Record more clips of the weak categories and choose their references by measurement.",
    ),
    "smoothness": Aspect(
        "Smoothness",
        "counted defects: jumps, dropouts, clicks, stuck codes, trailing babble",
        "Trim silence and clicks from the clips; raise samples.repetition_penalty for stuck codes.",
    ),
    "consistency": Aspect(
        "Consistency",
        "spread of the other five over sentences, seeds and categories",
        "Even out the categories (dataset.balance=sqrt) and lower the sampling temperature.",
    ),
}


@dataclass(frozen=True)
class Mark:
    """A mark out of 10 with its 95 % interval (None where it was not computed)."""

    value: float
    low: float | None = None
    high: float | None = None
    count: int | None = None


@dataclass(frozen=True)
class ScoredClip:
    """One spoken clip: where it is, what it says, its marks, and what stands out."""

    audio_file: str
    text: str
    category: str
    marks: Mapping[str, float]

    @property
    def overall(self) -> float:
        """Mean of its marks."""
        return sum(self.marks.values()) / len(self.marks)

    @property
    def reason(self) -> str:
        """The aspects that decide its place, lowest and highest."""
        ranked = sorted(self.marks, key=lambda name: self.marks[name])
        ends = ranked if len(ranked) < 2 else [ranked[0], ranked[-1]]
        return ", ".join(f"{_title(name)} {self.marks[name]:.1f}" for name in ends)


@dataclass(frozen=True)
class Scores:
    """Marks by aspect (and `overall`), by category, from listeners, and the clips behind them."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    by_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    listener: Mapping[str, Mark] = field(default_factory=dict)
    clips: Sequence[ScoredClip] = ()

    def best(self, count: int) -> list[ScoredClip]:
        """The clips with the highest mean mark."""
        return sorted(self.clips, key=lambda clip: -clip.overall)[:count]

    def worst(self, count: int) -> list[ScoredClip]:
        """The clips with the lowest mean mark, none that is among the best."""
        return sorted(self.clips, key=lambda clip: clip.overall)[: min(count, len(self.clips) // 2)]


def read_scores(run: RunData) -> Scores:
    """All marks of a run: measured, by category, and from listeners."""
    names = (*ASPECTS, "overall")
    table = run.files.get(TABLE)
    return Scores(
        {name: mark for name in names if (mark := _mark(run, f"score/{name}"))},
        _by_category(run),
        {name: mark for name in names if (mark := _mark(run, f"{LISTENER}/{name}"))},
        _clips(table) if table else (),
    )


def _mark(run: RunData, metric: str) -> Mark | None:
    value = run.value(metric)
    if value is None:
        return None
    count = run.value(f"{metric}/count")
    low, high = run.value(f"{metric}/low"), run.value(f"{metric}/high")
    return Mark(value, low, high, int(count) if count is not None else None)


def _by_category(run: RunData) -> dict[str, dict[str, float]]:
    """Category → aspect → mark, from `score/<aspect>/<category>`."""
    found: dict[str, dict[str, float]] = {}
    for name in run.histories:
        parts = name.split("/")
        if len(parts) == 3 and parts[0] == "score" and parts[2] not in ("low", "high", "count"):
            value = run.value(name)
            if value is not None and parts[1] in ASPECTS:
                found.setdefault(parts[2], {})[parts[1]] = value
    return dict(sorted(found.items()))


def _clips(table: Path) -> list[ScoredClip]:
    clips = []
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            marks = {name: _number(row.get(f"mark_{name}")) for name in ASPECTS}
            known = {name: mark for name, mark in marks.items() if math.isfinite(mark)}
            if known:
                text, category = row.get("text") or "", row.get("category") or ""
                clips.append(ScoredClip(row["audio_file"], text, category, known))
    return clips


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _title(aspect: str) -> str:
    return ASPECTS[aspect].title.lower() if aspect in ASPECTS else aspect
