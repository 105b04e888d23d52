"""A run and the rules in, its whole analysis out: what the pages only have to write down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xttslab.evaluation.gates import GateResult, check_gates, read_gates
from xttslab.reporting.advice import Advice, AdviceRules, Case
from xttslab.reporting.curves import CurveRules
from xttslab.reporting.findings import FindingRules, Findings, find
from xttslab.reporting.meaning import Meaning, meanings
from xttslab.reporting.reading import ReadingRules
from xttslab.reporting.recommendations import advise
from xttslab.reporting.record import RunData
from xttslab.reporting.scores import TITLES, Scores, read_scores
from xttslab.reporting.tables import Row, metric_rows

Gates = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Rules:
    """All thresholds of a report, from `conf/rules/`."""

    findings: FindingRules
    advice: AdviceRules

    @classmethod
    def of(cls, conf: Mapping[str, Mapping[str, Any]]) -> Rules:
        """From the group's plain dictionaries."""
        findings = FindingRules(
            CurveRules(**conf["curves"]),
            conf["choice"]["least_evaluations"],
            conf["gap"]["moderate"],
            conf["gap"]["severe"],
            ReadingRules(**conf["reading"]),
        )
        return cls(findings, AdviceRules(**conf["advice"]))


@dataclass(frozen=True)
class Analysis:
    """One run's analysis in the order of its report."""

    run: RunData
    rows: Sequence[Row]
    meanings: Sequence[Meaning]
    findings: Findings
    scores: Scores
    gates: Sequence[GateResult]
    advice: Sequence[Advice]
    missing: Sequence[str]


def analyse(run: RunData, rules: Rules, gates: Gates) -> Analysis:
    """Measure, judge and advise; parts that a run does not have are listed as missing."""
    findings = find(run, rules.findings)
    epoch = findings.choice.epoch
    scores = read_scores(run, epoch)
    return Analysis(
        run,
        metric_rows(run, epoch),
        meanings(run, epoch),
        findings,
        scores,
        check_gates(read_gates(gates), _metrics_at(run, epoch) | _marks(scores)),
        advise(Case(run, findings, scores, rules.advice)),
        _missing(run, findings, scores),
    )


def _metrics_at(run: RunData, epoch: int | None) -> dict[str, float]:
    """Every metric but marks at the chosen epoch; where it has no value there (or none is chosen),
    its last."""
    found = {}
    for name in run.histories:
        if name.removeprefix("score/") in TITLES:
            continue  # of another epoch they would pass for those that the report shows
        value = run.value(name, epoch) if epoch is not None else None
        value = run.value(name) if value is None else value
        if value is not None:
            found[name] = value
    return found


def _marks(scores: Scores) -> dict[str, float]:
    """The marks that the report shows, under their metric names."""
    return {f"score/{name}": mark.value for name, mark in scores.marks.items()}


def _missing(run: RunData, findings: Findings, scores: Scores) -> list[str]:
    samples = any(name.startswith("samples/") and name.endswith(".wav") for name in run.files)
    checks = {
        "no metrics: the run logged none": run.epochs is not None,
        f"no training loss ({findings.train.name})": bool(findings.train.points),
        f"no held-out loss ({findings.held_out.name})": bool(findings.held_out.points),
        "no spoken samples (samples.every_n_epochs was 0, or their files are gone)": samples,
        "no scores: python -m xttslab.evaluate makes them": bool(scores.marks),
        "no manifest: the data artifacts are gone": bool(run.clips),
        f"the run did not finish: its status is {run.status}": run.status == "FINISHED",
    }
    return [what for what, there in checks.items() if not there]
