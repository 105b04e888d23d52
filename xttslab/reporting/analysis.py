"""Analyses one run: findings, scores, gates and advice, in the order of its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from xttslab.errors import UserError
from xttslab.evaluation.aspects import TITLES
from xttslab.reporting import advice, data_advice
from xttslab.reporting.advice import Advice, AdviceRules, Case
from xttslab.reporting.curves import CurveRules
from xttslab.reporting.findings import NOT_MEASURED, FindingRules, Findings, TextGainRules, find
from xttslab.reporting.loss_tables import LossRow, Meaning, beside, meanings, metric_rows
from xttslab.reporting.run_data import RunData
from xttslab.reporting.scores import Scores, read_scores
from xttslab.reporting.worth import Judgement, Worth, WorthRules, judge, worth_of
from xttslab.tracking.records import FINISHED

MET, NOT_MET = "met", "not met"
MINIMUM = "minimum"  # the level that decides whether a voice is deployed
_BOUNDS = {
    "below": lambda value, bound: value < bound,
    "at_most": lambda value, bound: value <= bound,
    "at_least": lambda value, bound: value >= bound,
}
Gates = Mapping[str, Sequence[Mapping[str, Any]]]  # level → gates


@dataclass(frozen=True)
class ReportRules:
    """All thresholds of a report, from `conf/rules/`."""

    findings: FindingRules
    advice: AdviceRules
    worth: WorthRules

    @classmethod
    def of(cls, conf: Mapping[str, Mapping[str, Any]]) -> ReportRules:
        """From the group's plain dictionaries."""
        findings = FindingRules(
            CurveRules(**conf["curves"]),
            conf["choice"]["least_evaluations"],
            conf["gap"]["moderate"],
            conf["gap"]["severe"],
            TextGainRules(**conf["text_gain"]),
        )
        return cls(findings, AdviceRules(**conf["advice"]), WorthRules(**conf["worth"]))


@dataclass(frozen=True)
class Analysis:
    """One run's analysis in the order of its report."""

    run: RunData
    rows: Sequence[LossRow]
    meanings: Sequence[Meaning]
    findings: Findings
    scores: Scores
    gates: Sequence[GateResult]
    worth: Worth
    judgement: Judgement
    advice: Sequence[Advice]
    missing: Sequence[str]

    @property
    def gates_held(self) -> list[Gate]:
        """The bounds that the run was held to."""
        return [result.gate for result in self.gates]


def analyse(run: RunData, rules: ReportRules, gates: Gates) -> Analysis:
    """Measure, find and advise; parts that a run does not have are listed as missing."""
    findings = find(run, rules.findings)
    epoch = findings.choice.epoch
    scores = read_scores(run, epoch)
    found = check_gates(read_gates(gates), _metrics_at(run, epoch) | _shown_scores(scores))
    worth = worth_of(run, findings, scores, rules.worth)
    return Analysis(
        run,
        metric_rows(run, epoch),
        meanings(run, epoch),
        findings,
        scores,
        found,
        worth,
        judge(findings, scores, unmet_gates(found), worth, rules.worth),
        advise(Case(run, findings, scores, worth, rules.advice)),
        _missing(run, findings, scores),
    )


def _metrics_at(run: RunData, epoch: int | None) -> dict[str, float]:
    """Every metric but scores at the chosen epoch; where it has no value there (or none is chosen),
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


def _shown_scores(scores: Scores) -> dict[str, float]:
    """The scores that the report shows, under their metric names."""
    return {f"score/{name}": score.value for name, score in scores.by_aspect.items()}


def _missing(run: RunData, findings: Findings, scores: Scores) -> list[str]:
    samples = any(name.startswith("samples/") and name.endswith(".wav") for name in run.files)
    checks = {
        "no metrics: the run logged none": run.epochs is not None,
        f"no training loss ({findings.train.name})": bool(findings.train.points),
        f"no held-out loss ({findings.held_out.name})": bool(findings.held_out.points),
        "no spoken samples (samples.every_n_epochs was 0, or their files are gone)": samples,
        f"no scores: python -m xttslab.evaluate run={run.name} makes them": bool(scores.by_aspect),
        "no manifest: the data artifacts are gone": bool(run.clips),
        f"the run did not finish: its status is {run.status}": run.status == FINISHED,
    }
    return [what for what, there in checks.items() if not there]


def unmet_gates(results: Sequence[GateResult]) -> list[str]:
    """The minimum gates that are not met, each with its value and bound; what was not measured is
    not among them."""
    return [
        f"{r.gate.name} {beside(r.value, r.gate.bound, 2)} ({r.gate.words} {r.gate.bound:g})"
        for r in results
        if r.gate.level == MINIMUM and r.state == NOT_MET and r.value is not None
    ]


@dataclass(frozen=True)
class Gate:
    """A bound on one metric: `kind` is `below`, `at_most` or `at_least`."""

    level: str
    name: str
    metric: str
    kind: str
    bound: float

    @property
    def words(self) -> str:
        """`at least`, `at most` or `below`."""
        return self.kind.replace("_", " ")


@dataclass(frozen=True)
class GateResult:
    """A gate with the value that it was checked against, None where there is none."""

    gate: Gate
    value: float | None
    state: str


def read_gates(levels: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Gate]:
    """Gates from plain data, level → list of gates, in order.

    Raises UserError for a gate without exactly one bound, or without name or metric.
    """
    return [_gate(level, entry) for level, entries in levels.items() for entry in entries]


def check_gates(gates: Sequence[Gate], metrics: Mapping[str, float]) -> list[GateResult]:
    """Hold every gate against the run's metrics; a missing or NaN metric is not measured."""
    return [_check(gate, metrics.get(gate.metric)) for gate in gates]


def _gate(level: str, entry: Mapping[str, Any]) -> Gate:
    kinds = [kind for kind in _BOUNDS if kind in entry]
    for key in ("name", "metric"):
        if key not in entry:
            raise UserError(f"a gate of level {level} has no {key}: {dict(entry)}; add it")
    if len(kinds) != 1:
        raise UserError(
            f"gate {entry['name']!r} of level {level} has {len(kinds)} bounds; "
            f"give one of {', '.join(_BOUNDS)}"
        )
    return Gate(level, entry["name"], entry["metric"], kinds[0], float(entry[kinds[0]]))


def _check(gate: Gate, value: float | None) -> GateResult:
    if value is None or isnan(value):
        return GateResult(gate, None, NOT_MEASURED)
    met = _BOUNDS[gate.kind](value, gate.bound)
    return GateResult(gate, value, MET if met else NOT_MET)


RULES: tuple[Callable[[Case], Advice | None], ...] = (
    advice.broken_values,
    advice.unstable,
    advice.evaluate_often,
    advice.overfitted,
    advice.memorised,
    advice.no_better,
    advice.low_text_gain,
    advice.more_epochs,
    advice.clipping,
    data_advice.data_amount,
    data_advice.category_counts,
    data_advice.noisy,
    data_advice.rejected,
    data_advice.reference_cost,
    data_advice.endings,
    advice.weakest_aspect,
)


def advise(case: Case) -> list[Advice]:
    """The advice of every rule that fires, most pressing first."""
    found = [given for rule in RULES if (given := rule(case))]
    return sorted(found, key=lambda given: -given.urgency)
