"""Compares two or more runs: settings, data, losses, scores and samples, with a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from xttslab.errors import UserError
from xttslab.evaluation.aspects import ASPECTS, TITLES
from xttslab.reporting.analysis import Analysis, Gates, ReportRules, analyse, unmet_gates
from xttslab.reporting.by_ear import ByEar, all_votes, by_ear, deployed
from xttslab.reporting.charts import EpochMark, Line, LineChart, line_chart
from xttslab.reporting.html import data_uri
from xttslab.reporting.loss_tables import TEXT_GAIN
from xttslab.reporting.pages import run_facts
from xttslab.reporting.pairing import (
    common_eval,
    incomparable,
    loss_difference,
    on_other_scales,
    score_differences,
    text_gain_difference,
)
from xttslab.reporting.run_data import RunData
from xttslab.reporting.sample_clips import Sample, sentence_texts, spoken_samples
from xttslab.reporting.scores import nearest
from xttslab.reporting.summary import best_and_worst, curve_of, next_steps, system_rows
from xttslab.reporting.verdict import (
    Contender,
    Decision,
    PairEvidence,
    Verdict,
    VerdictRules,
    conclude,
    decide,
)
from xttslab.reporting.votes import Vote, preference

_UNINTERESTING = (
    "run_name",
    "tracking.",
    "output_dir",
    "data_dir",
    "codes_dir",
    "evaluation.scoring.real_measures",
    "samples.sent",
    "share.",
)


@dataclass(frozen=True)
class RunPair:
    """Two runs beside each other."""

    first: str
    second: str
    evidence: PairEvidence
    decision: Decision


@dataclass(frozen=True)
class Comparison:
    """All runs, every pair, and the verdict over them."""

    analyses: Sequence[Analysis]
    pairs: Sequence[RunPair]
    settings: Sequence[tuple[str, Sequence[str]]]
    data: Sequence[tuple[str, Sequence[str]]]
    common: Mapping[str, Sequence[str]]
    verdict: Verdict
    draws: int  # of the bootstrap
    ear: ByEar | None = None


def compare_runs(
    runs: Sequence[RunData], rules: ReportRules, verdict: VerdictRules, gates: Sequence[Gates]
) -> Comparison:
    """Compare runs pair by pair, each held to its own of the `gates`.

    Raises UserError for fewer than two, or the same one twice.
    """
    names = [run.name for run in runs]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UserError(f"runs=[{','.join(names)}]: name two or more different runs")
    analyses = [analyse(run, rules, own) for run, own in zip(runs, gates, strict=True)]
    votes = all_votes(runs)
    pairs = [_pair(one, other, votes, verdict) for one, other in combinations(analyses, 2)]
    decisions = {(pair.first, pair.second): pair.decision for pair in pairs}
    return Comparison(
        analyses,
        pairs,
        settings_that_differ(runs),
        _data(runs),
        common_eval(runs),
        conclude([_contender(a) for a in analyses], decisions, verdict),
        verdict.draws,
        by_ear(analyses, votes),
    )


def _contender(analysis: Analysis) -> Contender:
    unmet = unmet_gates(analysis.gates)
    return Contender(analysis.run, analysis.findings, unmet, analysis.judgement)


def settings_that_differ(runs: Sequence[RunData]) -> list[tuple[str, list[str]]]:
    """Parameter → its value in every run, for those that are not the same everywhere.

    Of an imported run only what its trainer had is known: the rest says nothing.
    """
    imported = [set(run.params) for run in runs if "imported.from" in run.tags]
    every = {name for run in runs for name in run.params}
    names = sorted(every.intersection(*imported))
    table = [(name, [run.params.get(name, "–") for run in runs]) for name in names]
    return [
        (name, values)
        for name, values in table
        if len(set(values)) > 1 and not name.startswith(_UNINTERESTING)
    ]


def _pair(one: Analysis, other: Analysis, votes: Sequence[Vote], rules: VerdictRules) -> RunPair:
    epochs = one.findings.choice.epoch, other.findings.choice.epoch
    first, second = one.run.name, other.run.name
    unfair = _unfair_scores(one, other)
    evidence = PairEvidence(
        first,
        second,
        loss_difference(one.run, other.run, epochs, rules.draws),
        {} if unfair else score_differences(one.scores.card, other.scores.card, rules.draws),
        preference(votes, deployed(one), deployed(other)),
        incomparable(one.run, other.run),
        unfair or _marks_obstacle(one, other),
        text_gain_difference(one.run, other.run, epochs, rules.draws),
    )
    return RunPair(first, second, evidence, decide(evidence, rules))


def _unfair_scores(one: Analysis, other: Analysis) -> str:
    """Why scores say nothing of the weights that would be deployed; empty where they do."""
    for analysis, start in ((one, other), (other, one)):
        name, scored = analysis.run.name, analysis.scores.epoch
        chosen = analysis.findings.choice.epoch
        if chosen == 0 and analysis.run.tags.get("init_from_run") == start.run.run_id:
            return f"{name} never got better than its start, the weights of {start.run.name}"
        if None not in (scored, chosen) and scored != chosen:
            return (
                f"the scores of {name} are of epoch {scored}, its best weights of epoch {chosen}; "
                f"run python -m xttslab.evaluate run={name}"
            )
    return ""


def _marks_obstacle(one: Analysis, other: Analysis) -> str:
    """Why the scores of two runs are not compared; empty where they are."""
    for analysis in (one, other):
        if faults := set(analysis.scores.missing.values()) if not analysis.scores.card else set():
            return f"the scores of {analysis.run.name} cannot be used: {faults.pop()}"
    apart = on_other_scales(one.scores.card, other.scores.card)
    if not apart:
        return ""
    named = ", ".join(TITLES[name].lower() for name in apart)
    return (
        f"the scores of {named} were taken beside other real recordings or by another recogniser; "
        "evaluate both runs alike (in training: samples.score_sources)"
    )


def _data(runs: Sequence[RunData]) -> list[tuple[str, list[str]]]:
    """Clips, minutes, held-out clips and categories of every run."""
    rows = [
        ("data set", [run.tags.get("dataset", "–") for run in runs]),
        ("clips", [f"{run.profile.get('clips', len(run.clips)):g}" for run in runs]),
        ("minutes", [_minutes(run) for run in runs]),
        ("held-out clips", [str(sum(c.split == "eval" for c in run.clips)) for run in runs]),
    ]
    for name in sorted({name for run in runs for name in run.categories}):
        rows.append((f"{name} clips", [str(run.categories.get(name, 0)) for run in runs]))
    return rows


def _minutes(run: RunData) -> str:
    minutes = run.profile.get("minutes")
    return "–" if minutes is None else f"{minutes:.1f}"


def comparison_content(comparison: Comparison) -> dict[str, Any]:
    """What `compare.html.j2` and `compare.md.j2` need."""
    runs = [analysis.run for analysis in comparison.analyses]
    names = [run.name for run in runs]
    return {
        "title": " against ".join(names),
        "names": names,
        "verdict": comparison.verdict,
        "beside_bases": comparison.analyses,
        "curve": curve_of(comparison.analyses),
        "heard": [(a.run.name, best_and_worst(a)) for a in comparison.analyses],
        "next_steps": next_steps(comparison.analyses, comparison.verdict.winner),
        "other_gates": len({str(a.gates_held) for a in comparison.analyses}) > 1,
        "systems_of": [
            (a.run.name, rows)
            for a in comparison.analyses
            if len(rows := system_rows(a, comparison.draws)) > 1
        ],
        "facts": [(run.name, run_facts(run)) for run in runs],
        "settings": comparison.settings,
        "data": comparison.data,
        "common": {source: len(clips) for source, clips in comparison.common.items()},
        "checkpoints": [
            (a.run.name, a.findings.choice.epoch, a.findings.choice.reason)
            for a in comparison.analyses
        ],
        "pairs": comparison.pairs,
        "ear": comparison.ear,
        "charts": comparison_charts(comparison),
        "aspects": list(TITLES.items()),
        "origins": [(a.run.name, a.scores.origin) for a in comparison.analyses if a.scores.origin],
        "scores": {
            name: [(a.scores.by_aspect.get(name), a.scores.listener.get(name))
                   for a in comparison.analyses]
            for name in TITLES
        },
        "categories": _by_category(comparison),
        "samples": side_by_side(comparison),
        "missing": [(a.run.name, a.missing) for a in comparison.analyses if a.missing],
        "language": runs[0].params.get("dataset.language", "hu"),
    }  # fmt: skip


def comparison_charts(comparison: Comparison) -> list[LineChart]:
    """The curves of all runs over each other; held-out losses of common sources first."""
    metrics = [f"eval/{source}/mel_ce" for source in comparison.common]
    metrics += ["eval/mel_ce", "eval/text_ce", TEXT_GAIN, "train/mel_ce", "gap/mel_ce"]
    charts = []
    for number, metric in enumerate(metrics):
        lines = [Line(a.run.name, a.run.curve(metric).points) for a in comparison.analyses]
        marks = [
            EpochMark(a.findings.choice.epoch, f"best: epoch {a.findings.choice.epoch}", a.run.name)
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
    """Category → mean score and held-out loss at the chosen epoch, per run."""
    names = {c for a in comparison.analyses for c in a.scores.by_category}
    names |= {
        metric.rpartition("/")[2]
        for a in comparison.analyses
        for metric in a.run.histories
        if metric.startswith("eval/mel_ce/")
    }
    rows = []
    for name in sorted(names):
        scores, losses = [], []
        for analysis in comparison.analyses:
            given = analysis.scores.by_category.get(name, {})
            known = [given[aspect] for aspect in ASPECTS if aspect in given]
            scores.append(sum(known) / len(known) if known else None)
            epoch = analysis.findings.choice.epoch
            losses.append(analysis.run.value(f"eval/mel_ce/{name}", epoch))
        rows.append((name, scores, losses))
    return rows
