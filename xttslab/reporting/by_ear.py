"""What blind listeners said of runs and of their epochs, and whether the measured scores agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from xttslab.evaluation.aspects import OVERALL, TITLES
from xttslab.reporting.analysis import Analysis
from xttslab.reporting.run_data import RunData
from xttslab.reporting.sample_clips import spoken_samples
from xttslab.reporting.scores import nearest
from xttslab.reporting.tournament import Agreement, Standing, agreement, standings
from xttslab.reporting.votes import AB, VOTES, Vote, candidate, preference, read_votes, together


@dataclass(frozen=True)
class ByEar:
    """The tournament of all that was heard, and each score beside it.

    `overall` is the measured overall score by candidate, as far as there is one; `disputes` say
    which pairs scores and listeners order differently.
    """

    votes: int
    listeners: int
    table: Sequence[Standing]
    overall: Mapping[str, float]
    agreements: Sequence[Agreement]
    disputes: Sequence[str]


def all_votes(runs: Sequence[RunData]) -> list[Vote]:
    """The votes kept with any of the runs, each once."""
    return together(read_votes(run.files.get(VOTES)) for run in runs)


def deployed(analysis: Analysis) -> str:
    """What votes call the run's samples nearest to its chosen epoch."""
    epoch = nearest(spoken_samples(analysis.run), analysis.findings.choice.epoch)
    return candidate(analysis.run.name, epoch)


def by_ear(analyses: Sequence[Analysis], votes: Sequence[Vote]) -> ByEar | None:
    """The standings of everything that was heard beside one of these runs; None without a vote."""
    today = {analysis.run.name: deployed(analysis) for analysis in analyses}
    pairs = [
        replace(
            vote,
            runs=[today.get(name, name) for name in vote.runs],
            answer=today.get(vote.answer, vote.answer),
        )
        for vote in votes
        if vote.kind == AB and any(vote.about(name) for name in today)
    ]
    names = sorted({name for vote in pairs for name in vote.runs})
    table = standings(names, pairs)
    if not table:
        return None
    scores = {aspect: _scores(analyses, aspect, names) for aspect in TITLES}
    found = [agreement(aspect, given, table, pairs) for aspect, given in scores.items()]
    return ByEar(
        len(pairs),
        len({vote.listener for vote in pairs}),
        table,
        scores[OVERALL],
        [replace(one, score=TITLES[one.score]) for one in found if one],
        list(_disputes(table, scores[OVERALL], pairs)),
    )


def _scores(analyses: Sequence[Analysis], aspect: str, names: Sequence[str]) -> dict[str, float]:
    """Candidate → its measured score of an aspect, where there is one."""
    found: dict[str, float] = {}
    for analysis in analyses:
        run = analysis.run
        for epoch, value in run.histories.get(f"score/{aspect}", {}).items():
            found[candidate(run.name, epoch)] = value
        if aspect in analysis.scores.by_aspect:
            found[deployed(analysis)] = analysis.scores.by_aspect[aspect].value
    return {name: found[name] for name in names if name in found}


def _disputes(
    table: Sequence[Standing], scores: Mapping[str, float], votes: Sequence[Vote]
) -> Iterator[str]:
    scored = [standing.name for standing in table if standing.name in scores]
    for better, worse in combinations(scored, 2):
        votes_on = preference(votes, worse, better)
        if votes_on and votes_on.interval.low > 0.5 and scores[better] < scores[worse]:
            yield (
                f"{better} was preferred to {worse} in {votes_on.second:g} of {votes_on.count} "
                f"votes, but has the lower overall score ({scores[better]:.1f} against "
                f"{scores[worse]:.1f})"
            )
