"""A run's stored scores in, what the pages show of them out: marks, people's marks, clips to hear.

The evaluation stores a scorecard; scores taken in training are metrics `score/…` alone. A
listener's marks (`listener/…`) stand beside the measured ones. What is not there is not measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from xttslab.errors import UserError
from xttslab.evaluation.intervals import Interval
from xttslab.evaluation.scorecard import ClipScore, Scorecard
from xttslab.evaluation.settings import ASPECTS
from xttslab.reporting.record import RunData

CARD = "evaluation/scorecard.json"
OVERALL = "overall"
TITLES = {
    "voice_similarity": "Voice similarity",
    "pronunciation": "Pronunciation",
    "naturalness": "Naturalness",
    "emotion": "Emotion/tone",
    "smoothness": "Smoothness",
    "consistency": "Consistency",
    OVERALL: "Overall",
}


@dataclass(frozen=True)
class Mark:
    """A mark out of 10, its interval and how many votes it has (None where that is not known);
    `rests_on` and `people` say what is behind it."""

    value: float
    interval: Interval | None = None
    count: int | None = None
    rests_on: str = ""
    people: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scores:
    """Marks by aspect (and `overall`), by category, from listeners, and why some are missing."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    by_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    listener: Mapping[str, Mark] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    card: Scorecard | None = None

    @property
    def best(self) -> list[ClipScore]:
        """The best samples by measurement."""
        return [self.card.clip(name) for name in self.card.best] if self.card else []

    @property
    def worst(self) -> list[ClipScore]:
        """The worst samples by measurement."""
        return [self.card.clip(name) for name in self.card.worst] if self.card else []


def read_scores(run: RunData) -> Scores:
    """All marks of a run; a scorecard that cannot be read makes all of them missing."""
    card, fault = read_card(run)
    marks = _card_marks(card) if card else {} if fault else _metric_marks(run)
    listener = {name: mark for name in TITLES if (mark := _listened(run, name))}
    missing = {name: score.missing for name, score in card.aspects.items()} if card else {}
    if fault:
        missing = dict.fromkeys(ASPECTS, fault)
    return Scores(
        marks,
        {} if fault else _by_category(run, card),
        listener,
        {name: why for name, why in missing.items() if why},
        card,
    )


def read_card(run: RunData) -> tuple[Scorecard | None, str]:
    """The stored scorecard of a run, and why one that is there cannot be used."""
    path = run.files.get(CARD)
    if path is None:
        return None, ""
    try:
        return Scorecard.from_dict(json.loads(path.read_text(encoding="utf-8"))), ""
    except UserError as fault:  # of another version: its marks mean something else
        return None, str(fault)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return None, f"{path.name} is damaged ({fault}); evaluate the run again"


def _card_marks(card: Scorecard) -> dict[str, Mark]:
    marks = {
        name: Mark(score.mark.value, score.mark, None, score.rests_on, score.people, score.notes)
        for name, score in card.aspects.items()
        if score.mark is not None
    }
    if card.overall is not None:
        marks[OVERALL] = Mark(card.overall.value, card.overall)
    return marks


def _metric_marks(run: RunData) -> dict[str, Mark]:
    values = {name: run.value(f"score/{name}") for name in TITLES}
    return {name: Mark(value) for name, value in values.items() if value is not None}


def _listened(run: RunData, aspect: str) -> Mark | None:
    value = run.value(f"listener/{aspect}")
    if value is None:
        return None
    ends = [run.value(f"listener/{aspect}/{end}") for end in ("low", "high")]
    known = Interval(value, *ends) if None not in ends else None
    return Mark(value, known, int(run.value(f"listener/{aspect}/count") or 0))


def _by_category(run: RunData, card: Scorecard | None) -> dict[str, dict[str, float]]:
    """Category → aspect → mark, from the scorecard, else from `score/<aspect>/<category>`."""
    found: dict[str, dict[str, float]] = {}
    if card:
        for name, score in card.aspects.items():
            for category, mark in score.by_category.items():
                found.setdefault(category, {})[name] = mark
        return dict(sorted(found.items()))
    for metric in run.histories:
        kind, _, rest = metric.partition("/")
        aspect, _, category = rest.partition("/")
        value = run.value(metric) if kind == "score" and category and aspect in ASPECTS else None
        if value is not None:
            found.setdefault(category, {})[aspect] = value
    return dict(sorted(found.items()))
