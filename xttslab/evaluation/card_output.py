"""Writes scorecards as JSON and as a table, and shows them as lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.scales import Interval
from xttslab.evaluation.scorecard import AspectScore, Scorecard
from xttslab.evaluation.stage_runner import Stopwatch
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
    """Lines: scores side by side; why the first card's overall is held down, what it lacks, what in
    it is not reliable, what was noticed, and its best and worst clips."""
    first = next(iter(cards.values()))
    failed = [f"failed: {words}" for words in first.failures]
    lines = [*scores_table(cards), *failed, *missing_lines(first), *noticed_lines(first)]
    return [*lines, *sample_lines(first)]


def end_lines(watch: Stopwatch, out: Path, tracked: bool = False) -> list[str]:
    """Lines: the seconds of every stage, and where the results lie."""
    return [*watch.lines(), f"{'scores':<12}{out}{', and in MLflow' if tracked else ''}"]


def scores_table(cards: Mapping[str, Scorecard]) -> list[str]:
    """Lines: one an aspect, one column a card, scores with their intervals."""
    lines = [_line("out of 10", list(cards))]
    for name in ASPECTS:
        scores = [_shown_aspect(card.aspects[name]) for card in cards.values()]
        lines.append(_line(name.replace("_", " "), scores))
    return [*lines, _line("overall", [_shown_interval(card.overall) for card in cards.values()])]


def missing_lines(card: Scorecard) -> list[str]:
    """Lines: which aspects were not measured, or are not reliable, and why."""
    lines = []
    for name, score in card.aspects.items():
        kind, why = ("not measured", score.missing) if score.score is None else (
            "not reliable", score.doubt
        )  # fmt: skip
        lines += [f"{kind}: {name.replace('_', ' ')} ({why})"] if why else []
    return lines


def noticed_lines(card: Scorecard) -> list[str]:
    """Lines: pace and melody beside the speaker's, and mannerisms that his recordings lack."""
    notes = [*card.aspects["pace"].notes, *card.aspects["smoothness"].notes]
    return [f"noticed: {note}" for note in notes]


def sample_lines(card: Scorecard) -> list[str]:
    """Lines: the best and the worst clips, and why."""
    lines = []
    for kind, names in (("best", card.best), ("worst", card.worst)):
        for name in names:
            clip = card.clip(name)
            reason = (clip.good if kind == "best" else clip.bad) or "nothing stands out"
            lines.append(f"{kind:<6}{clip.score:4.1f}  {name}: {reason}")
    return lines


def _shown_aspect(aspect: AspectScore) -> str:
    shown = _shown_interval(aspect.score)
    return f"{shown}?" if aspect.doubt else shown


def _shown_interval(score: Interval | None) -> str:
    return (
        "not measured" if score is None else f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"
    )


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<{_WIDTH}}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip()


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
