"""An analysis in, its curves as charts out, with the best epoch and what went wrong marked."""

from __future__ import annotations

from xttslab.reporting.analysis import Analysis
from xttslab.reporting.charts import Band, Chart, Line, Mark, line_chart
from xttslab.reporting.curves import Rise
from xttslab.reporting.record import RunData
from xttslab.reporting.sound_stages import PARTS, measures

_CHARTS = (
    ("mel", "Audio: mel CE", "mel_ce", ("train", "eval", "train_eval", "eval_ref")),
    ("text", "Text: text CE", "text_ce", ("train", "eval", "train_eval")),
    ("total", "Total", "total", ("train", "eval", "train_eval")),
    ("reads", "Reading: what the right text helps", "reads", ("eval",)),
    ("gap", "Honest train/eval gap", "mel_ce", ("gap",)),
)
_NOTES = {
    "train": "with dropout",
    "eval": "held out",
    "train_eval": "training clips, no dropout",
    "eval_ref": "held out, other reference",
}


def run_charts(analysis: Analysis) -> list[Chart]:
    """Losses, gap, parts by source and category, learning rate and gradients; what there is."""
    run, found = analysis.run, analysis.findings
    marks = []
    if found.choice.epoch is not None:
        marks.append(Mark(found.choice.epoch, f"best: epoch {found.choice.epoch}"))
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
            [_line(run, f"{part}/{name}", note) for part, note in PARTS.items()],
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
