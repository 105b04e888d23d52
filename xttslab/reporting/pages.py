"""Prepares an analysis for the report's templates, as plain texts and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xttslab.evaluation.aspects import TITLES
from xttslab.evaluation.scorecard import ZERO_SHOT
from xttslab.reporting.analysis import Analysis, GateResult, ReportRules
from xttslab.reporting.by_ear import all_votes, by_ear
from xttslab.reporting.charts import run_charts
from xttslab.reporting.findings import NOT_MEASURED
from xttslab.reporting.loss_tables import batch_of, beside, measures
from xttslab.reporting.run_data import TEXT_WEIGHT, RunData
from xttslab.reporting.sample_clips import sample_groups
from xttslab.reporting.summary import (
    best_and_worst,
    curve_of,
    gates_said,
    score_bars,
    system_rows,
)

_SIGNS = {"below": "<", "at_most": "≤", "at_least": "≥"}


def report_content(analysis: Analysis, rules: ReportRules) -> dict[str, Any]:
    """What `report.html.j2` and `report.md.j2` need, in the order of the report."""
    run, found = analysis.run, analysis.findings
    gap = rules.findings.moderate_gap, rules.findings.severe_gap
    clips = rules.advice.category_clips, rules.advice.category_enough
    return {
        "title": f"Analysis of {run.name}",
        "run_name": run.name,
        "facts": run_facts(run),
        "headfacts": head_facts(run),
        "judgement": analysis.judgement,
        "worth": analysis.worth,
        "gates_said": gates_said(analysis),
        "bars_of": score_bars(analysis),
        "base_named": analysis.worth.base if ZERO_SHOT in analysis.scores.beside else "",
        "curve": curve_of([analysis]),
        "heard": best_and_worst(analysis),
        "rows_of_systems": system_rows(analysis, rules.worth.draws),
        "missing": analysis.missing,
        "rows": analysis.rows,
        "sound": bool(measures(run)),
        "best_epoch": found.choice.epoch,
        "meanings": analysis.meanings,
        "text_gain": found.text_gain,
        "text_weight": run.number("loss.text_weight") or TEXT_WEIGHT,
        "gap": found.gap,
        "gap_verdict": found.gap_verdict,
        "naive_gap": _naive_gap(run) if found.gap is None else "",
        "thresholds": f"below {gap[0]} is small, above {gap[1]} is memorised",
        "charts": run_charts(analysis),
        "checkpoint": _checkpoint(analysis),
        "overfitting": _overfitting(analysis),
        "instability": _instability(analysis),
        "text_gain_said": _text_gain(analysis),
        "trend": _trend(analysis),
        "aspects": list(TITLES.items()),
        "scores": analysis.scores,
        "ear": by_ear([analysis], all_votes([run])),
        "samples": sample_groups(run, analysis.scores, found.choice.epoch),
        "language": run.params.get("dataset.language", "hu"),
        "categories": _categories(run, rules),
        "category_target": f"target {clips[0]} to {clips[1]}",
        "most": max(run.categories.values(), default=1),
        "assumed": sum(clip.assumed for clip in run.clips),
        "gates": [_gate(result) for result in analysis.gates],
        "advice": analysis.advice,
        "imported": [v for k, v in sorted(run.tags.items()) if k.startswith("imported.")],
    }


def run_facts(run: RunData) -> list[tuple[str, str]]:
    """Name and value of what the run is and was made with; only what is known."""
    profile = run.profile
    data = f"{profile['clips']:g} clips, {profile['minutes']:.1f} min" if len(profile) > 1 else ""
    known = {
        "model": run.tags.get("model"),
        "data": ", ".join(filter(None, (run.tags.get("dataset"), data))),
        "epochs": str(run.epochs) if run.epochs is not None else None,
        "epochs with earlier runs": run.tags.get("epochs_total"),
        "continued from": run.tags.get("init_from_name"),
        "learning rate": run.params.get("optim.lr"),
        "schedule": run.params.get("scheduler._target_", "").rpartition(".")[2],
        "batch": batch_of(run),
        "accumulation": run.params.get("trainer.accumulate_grad_batches"),
        "clipping": run.params.get("trainer.gradient_clip_val"),
        "seed": run.params.get("seed"),
        "changed when resumed": ", ".join(run.changes),
        "commit": run.tags.get("git_commit") or run.tags.get("mlflow.source.git.commit"),
        "status": run.status,
    }
    return [(name, value) for name, value in known.items() if value]


def head_facts(run: RunData) -> list[str]:
    """What stands beside a run's name: model, data, epochs and where it went on from."""
    known = dict(run_facts(run))
    found = [known[name] for name in ("model", "data") if name in known]
    if "epochs" in known:
        found.append(f"{known['epochs']} epochs")
    if "continued from" in known:
        found.append(f"continued from {known['continued from']}")
    return found


def _naive_gap(run: RunData) -> str:
    """What the logged losses differ by at the end, and why that is not the gap."""
    train, held_out = run.value("train/total"), run.value("eval/total")
    if train is None or held_out is None:
        return ""
    return (
        f"The logged losses differ by {held_out - train:+.3f} at the end, but one has dropout and "
        "the other has not: that says nothing about overfitting."
    )


def _gate(result: GateResult) -> dict[str, str]:
    gate = result.gate
    value = ""
    if result.value is not None:
        value = " " + beside(result.value, gate.bound, 4).rstrip("0").rstrip(".")
    return {
        "level": gate.level,
        "name": f"{gate.name} {_SIGNS[gate.kind]} {gate.bound:g}",
        "status": result.state,
        "value": gate.metric + value,
    }


def _checkpoint(analysis: Analysis) -> str:
    choice = analysis.findings.choice
    if choice.epoch is None:
        return f"No checkpoint can be named: {choice.reason}."
    if choice.epoch == 0:
        return f"Training did not help: no epoch beats the model before it ({choice.reason})."
    return f"Use the checkpoint of epoch {choice.epoch}: {choice.reason}."


def _overfitting(analysis: Analysis) -> str:
    found = analysis.findings
    rise = found.overfitting
    if rise:
        return f"Overfitting after epoch {rise.low_epoch}: {found.overfitting_said}."
    if len(found.held_out.points) < 2:
        return f"Overfitting: {NOT_MEASURED} (it takes a held-out curve)."
    (epoch, low), (_, end) = found.held_out.best, found.held_out.last
    above = f"{end - low:.3f} above its lowest, of epoch {epoch}" if end > low else "lowest"
    said = (
        "the held-out loss does not rise for good while the training loss falls "
        f"({above} at the end)"
    )
    if found.memorised:
        return f"The gap shows overfitting ({found.gap_verdict}), though {said}."
    return f"No overfitting: {said}."


def _instability(analysis: Analysis) -> str:
    found = analysis.findings
    if found.instability:
        return f"Training became unstable: {found.instability_said}."
    if len(found.train.points) < 2:
        return f"Instability: {NOT_MEASURED} (it takes a training curve)."
    spikes = f" Single spikes at epoch {', '.join(map(str, found.spikes))}." if found.spikes else ""
    return f"No instability: the training loss does not rise for good.{spikes}"


def _text_gain(analysis: Analysis) -> str:
    gain = analysis.findings.text_gain
    if gain is None:
        return f"Text gain: {NOT_MEASURED} (it takes held-out clips with two texts or more)."
    if gain.faults:
        return f"Text gain too low: {'; '.join(gain.faults)}."
    return f"Text gain: the right text helps by {gain.value:.3f} nats, and that does not fall."


def _trend(analysis: Analysis) -> str:
    trend, name = analysis.findings.trend, analysis.findings.held_out.name
    if trend is None:
        return f"Whether more epochs would help: {NOT_MEASURED} (too few evaluations)."
    if trend.falling and analysis.findings.overfitting:
        return (
            f"{name} falls by {-trend.slope:.4f} nats an epoch at the end, but the training "
            "overfitted before: more epochs are not advised."
        )
    if trend.falling:
        return (
            f"{analysis.findings.fall_said}; going on is worth it until about epoch "
            f"{trend.worth_until}."
        )
    if trend.unclear:
        return (
            f"Whether {name} still falls cannot be told yet: {trend.slope:+.4f} nats an epoch, "
            "which may be chance."
        )
    if trend.slope < 0:
        return (
            f"{name} falls by no more than {-trend.slope:.4f} nats an epoch: more epochs will "
            "hardly help."
        )
    return f"{name} no longer falls ({trend.slope:+.4f} nats an epoch): more epochs will not help."


def _categories(run: RunData, rules: ReportRules) -> Sequence[tuple[str, int, str]]:
    few, enough = rules.advice.category_clips, rules.advice.category_enough
    return [
        (name, count, _amount(count, few, enough))
        for name, count in sorted(run.categories.items(), key=lambda entry: -entry[1])
    ]


def _amount(count: int, few: int, enough: int) -> str:
    if count < few:
        return f"{few - count} too few"
    return "enough" if count <= enough else "plenty"
