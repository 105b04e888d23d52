"""A comparison in, everything its templates show out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xttslab.evaluation.settings import ASPECTS
from xttslab.reporting.charts import Chart, Line, Mark, line_chart
from xttslab.reporting.comparison import Comparison
from xttslab.reporting.pages import run_facts
from xttslab.reporting.reading import READS
from xttslab.reporting.samples import Sample, sentence_texts, spoken_samples
from xttslab.reporting.scores import TITLES, nearest
from xttslab.reporting.sound import data_uri


def comparison_content(comparison: Comparison) -> dict[str, Any]:
    """What `compare.html.j2` and `compare.md.j2` need."""
    runs = [analysis.run for analysis in comparison.analyses]
    names = [run.name for run in runs]
    return {
        "title": " against ".join(names),
        "names": names,
        "verdict": comparison.verdict,
        "facts": [(run.name, run_facts(run)) for run in runs],
        "settings": comparison.settings,
        "data": comparison.data,
        "common": {source: len(clips) for source, clips in comparison.common.items()},
        "checkpoints": [
            (a.run.name, a.findings.choice.epoch, a.findings.choice.reason)
            for a in comparison.analyses
        ],
        "pairs": comparison.pairs,
        "charts": comparison_charts(comparison),
        "aspects": list(TITLES.items()),
        "origins": [(a.run.name, a.scores.origin) for a in comparison.analyses if a.scores.origin],
        "marks": {
            name: [(a.scores.marks.get(name), a.scores.listener.get(name))
                   for a in comparison.analyses]
            for name in TITLES
        },
        "categories": _by_category(comparison),
        "samples": side_by_side(comparison),
        "missing": [(a.run.name, a.missing) for a in comparison.analyses if a.missing],
        "language": runs[0].params.get("dataset.language", "hu"),
    }  # fmt: skip


def comparison_charts(comparison: Comparison) -> list[Chart]:
    """The curves of all runs over each other; held-out losses of common sources first."""
    metrics = [f"eval/{source}/mel_ce" for source in comparison.common]
    metrics += ["eval/mel_ce", "eval/text_ce", READS, "train/mel_ce", "gap/mel_ce"]
    charts = []
    for number, metric in enumerate(metrics):
        lines = [Line(a.run.name, a.run.curve(metric).points) for a in comparison.analyses]
        marks = [
            Mark(a.findings.choice.epoch, f"best: epoch {a.findings.choice.epoch}", a.run.name)
            for a in comparison.analyses
            if a.findings.choice.epoch is not None and metric == a.findings.held_out.name
        ]
        charts.append(line_chart(f"c{number}", metric, "nats per token", lines, marks))
    return [chart for chart in charts if chart]


def side_by_side(comparison: Comparison) -> list[tuple[str, str, Sequence[Sample | None]]]:
    """Sentence, category and one sample a run, at the sample epoch nearest to its best."""
    tables = []
    for analysis in comparison.analyses:
        spoken = spoken_samples(analysis.run)
        shown = nearest(spoken, analysis.findings.choice.epoch)
        texts = sentence_texts(analysis.run)
        tables.append(
            {
                (name, texts.get(name, "")): Sample(
                    f"epoch {shown}", category, texts.get(name, ""), "", data_uri(path)
                )
                for name, category, path in spoken.get(shown, ())
            }
        )
    keys = sorted({key for table in tables for key in table})
    return [
        (text or name, name.partition("_")[2], [table.get((name, text)) for table in tables])
        for name, text in keys
    ]


def _by_category(
    comparison: Comparison,
) -> list[tuple[str, list[float | None], list[float | None]]]:
    """Category → mean mark and held-out loss at the chosen epoch, per run."""
    names = {c for a in comparison.analyses for c in a.scores.by_category}
    names |= {
        metric.rpartition("/")[2]
        for a in comparison.analyses
        for metric in a.run.histories
        if metric.startswith("eval/mel_ce/")
    }
    rows = []
    for name in sorted(names):
        marks, losses = [], []
        for analysis in comparison.analyses:
            given = analysis.scores.by_category.get(name, {})
            known = [given[aspect] for aspect in ASPECTS if aspect in given]
            marks.append(sum(known) / len(known) if known else None)
            epoch = analysis.findings.choice.epoch
            losses.append(analysis.run.value(f"eval/mel_ce/{name}", epoch))
        rows.append((name, marks, losses))
    return rows
