"""Scorecards in; the table of single clips as CSV, and what a person reads on the screen, out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from xttslab.evaluation.intervals import Interval
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.settings import ASPECTS
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.files import write_atomically

_WIDTH = 18


def write_clips(path: Path, cards: Mapping[str, Scorecard]) -> None:
    """One row a clip of every card, atomically; with several cards a first column
    `system` says whose clip it is. UTF-8, commas; an empty cell was not measured.

    Raises UserError when the file cannot be written.
    """
    rows = [
        ({"system": name} if len(cards) > 1 else {}) | row
        for name, card in cards.items()
        for row in card.rows()
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    write_atomically(path, buffer.getvalue().encode())


def write_card(path: Path, card: Scorecard) -> None:
    """The card as JSON, as `Scorecard.from_dict` reads it back."""
    content = json.dumps(card.to_dict(), ensure_ascii=False, indent=1)
    write_atomically(path, content.encode())


def card_lines(cards: Mapping[str, Scorecard]) -> list[str]:
    """Lines: marks side by side; what the first card lacks, and its best and worst clips."""
    first = next(iter(cards.values()))
    return [*marks_table(cards), *missing_lines(first), *sample_lines(first)]


def end_lines(watch: Stopwatch, out: Path, tracked: bool = False) -> list[str]:
    """Lines: the seconds of every stage, and where the results lie."""
    return [*watch.lines(), f"{'scores':<12}{out}{', and in MLflow' if tracked else ''}"]


def marks_table(cards: Mapping[str, Scorecard]) -> list[str]:
    """Lines: one an aspect, one column a card, marks with their intervals."""
    lines = [_line("out of 10", list(cards))]
    for name in ASPECTS:
        marks = [_interval(card.aspects[name].mark) for card in cards.values()]
        lines.append(_line(name.replace("_", " "), marks))
    return [*lines, _line("overall", [_interval(card.overall) for card in cards.values()])]


def missing_lines(card: Scorecard) -> list[str]:
    """Lines: which aspects were not measured, and why."""
    return [
        f"not measured: {name.replace('_', ' ')} ({score.missing})"
        for name, score in card.aspects.items()
        if score.mark is None
    ]


def sample_lines(card: Scorecard) -> list[str]:
    """Lines: the best and the worst clips, and why."""
    lines = []
    for kind, names in (("best", card.best), ("worst", card.worst)):
        for name in names:
            clip = card.clip(name)
            reason = (clip.good if kind == "best" else clip.bad) or "nothing stands out"
            lines.append(f"{kind:<6}{clip.mark:4.1f}  {name}: {reason}")
    return lines


def _interval(mark: Interval | None) -> str:
    return "not measured" if mark is None else f"{mark.value:.1f} ({mark.low:.1f}-{mark.high:.1f})"


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<{_WIDTH}}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip()


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
