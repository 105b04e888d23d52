"""Two or more runs in, all that sets them apart out, with a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from xttslab.errors import UserError
from xttslab.evaluation.gates import NOT_MET
from xttslab.reporting.analysis import Analysis, Gates, Rules, analyse
from xttslab.reporting.listening import VOTES, Vote, preference, read_votes
from xttslab.reporting.pairing import (
    common_eval,
    incomparable,
    loss_difference,
    mark_differences,
    on_other_scales,
    reading_difference,
)
from xttslab.reporting.record import RunData
from xttslab.reporting.scores import TITLES
from xttslab.reporting.verdict import (
    Decision,
    Evidence,
    Verdict,
    VerdictRules,
    conclude,
    decide,
)

_UNINTERESTING = (
    "run_name",
    "tracking.",
    "output_dir",
    "data_dir",
    "codes_dir",
    "samples.sent",
    "share.",
)


@dataclass(frozen=True)
class Pair:
    """Two runs beside each other."""

    first: str
    second: str
    evidence: Evidence
    decision: Decision


@dataclass(frozen=True)
class Comparison:
    """All runs, every pair, and the verdict over them."""

    analyses: Sequence[Analysis]
    pairs: Sequence[Pair]
    settings: Sequence[tuple[str, Sequence[str]]]
    data: Sequence[tuple[str, Sequence[str]]]
    common: Mapping[str, Sequence[str]]
    verdict: Verdict


def compare_runs(
    runs: Sequence[RunData], rules: Rules, verdict: VerdictRules, gates: Gates
) -> Comparison:
    """Compare runs pair by pair. Raises UserError for fewer than two, or the same one twice."""
    names = [run.name for run in runs]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UserError(f"runs=[{','.join(names)}]: name two or more different runs")
    analyses = [analyse(run, rules, gates) for run in runs]
    votes = all_votes(runs)
    pairs = [_pair(one, other, votes, verdict) for one, other in combinations(analyses, 2)]
    decisions = {(pair.first, pair.second): pair.decision for pair in pairs}
    return Comparison(
        analyses,
        pairs,
        settings_that_differ(runs),
        _data(runs),
        common_eval(runs),
        conclude([(a.run, a.findings, _unmet(a)) for a in analyses], decisions, verdict),
    )


def _unmet(analysis: Analysis) -> list[str]:
    """The minimum gates that a run does not meet; what was not measured is not among them."""
    results = [r for r in analysis.gates if r.gate.level == "minimum" and r.state == NOT_MET]
    return [result.gate.name for result in results]


def all_votes(runs: Sequence[RunData]) -> list[Vote]:
    """The votes kept with any of the runs, each once (a vote on two runs is kept with both)."""
    found: dict[str, Vote] = {}
    for run in runs:
        seen: dict[str, int] = {}
        for vote in read_votes(run.files.get(VOTES)):
            seen[repr(vote)] = seen.get(repr(vote), 0) + 1
            found[f"{vote!r} {seen[repr(vote)]}"] = vote
    return list(found.values())


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


def _pair(one: Analysis, other: Analysis, votes: Sequence[Vote], rules: VerdictRules) -> Pair:
    epochs = one.findings.choice.epoch, other.findings.choice.epoch
    first, second = one.run.name, other.run.name
    unfair = _unfair_marks(one, other)
    evidence = Evidence(
        first,
        second,
        loss_difference(one.run, other.run, epochs, rules.draws),
        {} if unfair else mark_differences(one.scores.card, other.scores.card, rules.draws),
        preference(votes, first, second),
        incomparable(one.run, other.run),
        unfair or _marks_obstacle(one, other),
        reading_difference(one.run, other.run, epochs, rules.draws),
    )
    return Pair(first, second, evidence, decide(evidence, rules))


def _unfair_marks(one: Analysis, other: Analysis) -> str:
    """Why marks say nothing of the weights that would be deployed; empty where they do."""
    for analysis, start in ((one, other), (other, one)):
        name, scored = analysis.run.name, analysis.scores.epoch
        chosen = analysis.findings.choice.epoch
        if chosen == 0 and analysis.run.tags.get("init_from_run") == start.run.run_id:
            return f"{name} never got better than its start, the weights of {start.run.name}"
        if None not in (scored, chosen) and scored != chosen:
            return (
                f"the marks of {name} are of epoch {scored}, its best weights of epoch {chosen}; "
                f"run python -m xttslab.evaluate run={name}"
            )
    return ""


def _marks_obstacle(one: Analysis, other: Analysis) -> str:
    """Why the marks of two runs are not compared; empty where they are."""
    for analysis in (one, other):
        if faults := set(analysis.scores.missing.values()) if not analysis.scores.card else set():
            return f"the marks of {analysis.run.name} cannot be used: {faults.pop()}"
    apart = on_other_scales(one.scores.card, other.scores.card)
    if not apart:
        return ""
    named = ", ".join(TITLES[name].lower() for name in apart)
    return (
        f"the marks of {named} were taken beside other real recordings or by another recogniser; "
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
