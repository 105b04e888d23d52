"""Lays out line charts over epochs, which a template draws as inline SVG.

Lines differ in colour and in dashes, so that they can be told apart in print; the colours are the
page's, so that they fit light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xttslab.reporting.analysis import Analysis
from xttslab.reporting.curves import Rise
from xttslab.reporting.loss_tables import SOUND_PARTS, measures
from xttslab.reporting.run_data import RunData

WIDTH, HEIGHT = 640, 270
LEFT, RIGHT, TOP, BOTTOM = 84, 14, 24, 34
Scale = Callable[[float], float]  # a value to its place on the page
COLOURS = 6  # --c0 to --c5 of the pages
DASHES = ("", "7 4", "2 3", "10 3 2 3", "4 2", "1 3")


@dataclass(frozen=True)
class Line:
    """One curve: its name, epoch → value, and a note for the legend."""

    name: str
    points: Mapping[int, float]
    note: str = ""


@dataclass(frozen=True)
class EpochMark:
    """An epoch to mark by a vertical line and a word, in the colour of the `line` of that name."""

    epoch: int
    label: str
    line: str = ""


@dataclass(frozen=True)
class Band:
    """Epochs to shade, and why."""

    first: int
    last: int
    label: str


@dataclass(frozen=True)
class Drawn:
    """A line as SVG points; a single value is a dot alone."""

    name: str
    note: str
    path: str
    dots: Sequence[tuple[float, float]]
    colour: int
    dashes: str


@dataclass(frozen=True)
class LineChart:
    """All that the template draws. Ticks are (position, text), marks (position, text, colour or
    None); `table` is the text alternative."""

    key: str
    title: str
    summary: str
    unit: str
    lines: Sequence[Drawn]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    marks: Sequence[tuple[float, str, int | None]]
    bands: Sequence[tuple[float, float, str]]
    table: Sequence[tuple[int, Sequence[float | None]]]


def line_chart(
    key: str,
    title: str,
    unit: str,
    lines: Sequence[Line],
    marks: Sequence[EpochMark] = (),
    bands: Sequence[Band] = (),
) -> LineChart | None:
    """Lay out a chart over epochs; None where no line has a point."""
    shown = [line for line in lines if line.points]
    if not shown:
        return None
    epochs = sorted({epoch for line in shown for epoch in line.points})
    values = [value for line in shown for value in line.points.values()]
    y_ticks = ticks(min(values), max(values))
    x = _scale(epochs[0], max(epochs[-1], epochs[0] + 1), LEFT, WIDTH - RIGHT)
    y = _scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    x_values = [t for t in ticks(epochs[0], max(epochs[-1], epochs[0] + 1)) if t == int(t)]
    inside = [t for t in x_values if epochs[0] <= t <= max(epochs[-1], epochs[0] + 1)]
    colours = {line.name: i % COLOURS for i, line in enumerate(shown)}
    return LineChart(
        key,
        title,
        " ".join(_summary(line) for line in shown),
        unit,
        [_drawn(line, i, x, y) for i, line in enumerate(shown)],
        [(x(t), f"{t:g}") for t in inside],
        [(y(t), f"{t:.6g}") for t in y_ticks],
        [
            (x(mark.epoch), mark.label, colours.get(mark.line))
            for mark in marks
            if epochs[0] <= mark.epoch <= epochs[-1]
        ],
        [(x(band.first), x(band.last), band.label) for band in bands],
        [(epoch, [line.points.get(epoch) for line in shown]) for epoch in epochs],
    )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values that enclose the range, about `wanted` of them."""
    span = (high - low) or abs(high) or 1.0
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        last += 1
    return [round(n * step, 12) for n in range(first, last + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 2)


def _drawn(line: Line, number: int, x: Scale, y: Scale) -> Drawn:
    dots = [(x(epoch), y(value)) for epoch, value in sorted(line.points.items())]
    path = "M" + " L".join(f"{a} {b}" for a, b in dots) if len(dots) > 1 else ""
    sparse = dots if len(dots) <= 12 else dots[-1:]
    dashes = DASHES[(number + number // COLOURS) % len(DASHES)]  # no pair twice in 36 lines
    return Drawn(line.name, line.note, path, sparse, number % COLOURS, dashes)


def _summary(line: Line) -> str:
    epochs = sorted(line.points)
    first, last = epochs[0], epochs[-1]
    if first == last:
        return f"{line.name}: {line.points[first]:.4g} at epoch {first}."
    low = min(epochs, key=lambda epoch: line.points[epoch])
    return (
        f"{line.name}: {line.points[first]:.4g} at epoch {first}, lowest {line.points[low]:.4g} "
        f"at epoch {low}, {line.points[last]:.4g} at epoch {last}."
    )


_CHARTS = (
    ("mel", "Audio: mel CE", "mel_ce", ("train", "eval", "train_eval", "eval_ref")),
    ("text", "Text: text CE", "text_ce", ("train", "eval", "train_eval")),
    ("total", "Total", "total", ("train", "eval", "train_eval")),
    ("text_gain", "Text gain: what the right text helps", "text_gain", ("eval",)),
    ("gap", "Honest train/eval gap", "mel_ce", ("gap",)),
)
_NOTES = {
    "train": "with dropout",
    "eval": "held out",
    "train_eval": "training clips, no dropout",
    "eval_ref": "held out, other reference",
}


def run_charts(analysis: Analysis) -> list[LineChart]:
    """Losses, gap, parts by source and category, learning rate and gradients; what there is."""
    run, found = analysis.run, analysis.findings
    marks = []
    if found.choice.epoch is not None:
        marks.append(EpochMark(found.choice.epoch, f"best: epoch {found.choice.epoch}"))
    bands = _bands(found.instability, found.overfitting)
    charts = [
        line_chart(
            key,
            title,
            "nats per token",
            [_line(run, f"{part}/{loss}", _NOTES.get(part, "")) for part in parts],
            marks,
            bands if key in ("mel", "total") else (),
        )
        for key, title, loss, parts in _CHARTS
    ]
    charts += [
        line_chart(
            name,
            f"{name}: {meaning}",
            "mean of an epoch",
            [_line(run, f"{part}/{name}", note) for part, note in SOUND_PARTS.items()],
            marks,
            bands if run.monitor == f"eval/{name}" else (),
        )
        for name, meaning in measures(run).items()
    ]
    names = sorted(name for name in run.histories if name.startswith("eval/mel_ce/"))
    charts.append(
        line_chart(
            "category",
            "Held-out mel CE by category",
            "nats per code",
            [Line(name.rpartition("/")[2], run.curve(name).points) for name in names],
            marks,
        )
    )
    charts.append(line_chart("lr", "Learning rate", "per step", [_line(run, "lr")]))
    charts.append(line_chart("grad", "Gradient norm", "mean", [_line(run, "grad_norm")]))
    return [chart for chart in charts if chart]


def _line(run: RunData, metric: str, note: str = "") -> Line:
    return Line(metric, run.curve(metric).points, note)


def _bands(instability: Rise | None, overfitting: Rise | None) -> list[Band]:
    named = {"unstable": instability, "overfitting": overfitting}
    return [Band(rise.low_epoch, rise.high_epoch, label) for label, rise in named.items() if rise]
