"""The first screen of a report and of a comparison: scores, one curve, what to hear, what next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xttslab.evaluation.aspects import OVERALL, TITLES
from xttslab.evaluation.scorecard import CODEC, REAL, ZERO_SHOT, ClipScore, Scorecard
from xttslab.reporting.advice import Advice
from xttslab.reporting.analysis import MET, MINIMUM, Analysis
from xttslab.reporting.charts import EpochMark, Line, LineChart, line_chart
from xttslab.reporting.findings import NOT_MEASURED
from xttslab.reporting.html import data_uri
from xttslab.reporting.loss_tables import measures
from xttslab.reporting.pairing import Difference, score_differences, utterances
from xttslab.reporting.sample_clips import (
    Sample,
    clip_file,
    real_recording,
    sample_groups,
)
from xttslab.reporting.scores import ShownScore, card_scores

_SHOWN = 3  # steps on the first screen
_ROWS = {
    REAL: "real recordings",
    CODEC: "real recordings through codes and decoder",
    ZERO_SHOT: "its base",
}


@dataclass(frozen=True)
class SystemRow:
    """One system in the table of scores. `against` is how much higher the run's overall score is
    on the sentences that both said; None for the run itself and where they share none."""

    name: str
    scores: Mapping[str, ShownScore]
    against: Difference | None = None


def system_rows(analysis: Analysis, draws: int) -> list[SystemRow]:
    """Real recordings, the run, its base, and every other system, as they were scored together."""
    scores = analysis.scores
    if scores.card is None:
        return []
    known = scores.beside
    others = sorted(known.keys() - _ROWS.keys())
    order = [row for row in (REAL, ZERO_SHOT, *others, CODEC) if row in known]
    rows = [_row(analysis, row, known[row], draws) for row in order]
    place = 1 if REAL in known else 0
    return [*rows[:place], SystemRow(analysis.run.name, scores.by_aspect), *rows[place:]]


def _row(analysis: Analysis, row: str, card: Scorecard, draws: int) -> SystemRow:
    found = None
    if row not in (REAL, CODEC):  # they say other sentences
        found = score_differences(card, analysis.scores.card, draws).get(OVERALL)
    named = analysis.worth.base if row == ZERO_SHOT else _ROWS.get(row, row)
    return SystemRow(named, card_scores(card), found)


@dataclass(frozen=True)
class SideBySide:
    """One sentence to hear: what the run says, its base, and a real recording of that tone."""

    heading: str
    sample: Sample
    beside: Sequence[tuple[str, Sample]]


def best_and_worst(analysis: Analysis) -> list[SideBySide]:
    """The best and the worst scored sample, each beside its base and a real recording; without
    scores the first of the samples nearest to the chosen epoch."""
    run, scores = analysis.run, analysis.scores
    found = []
    for heading, clips in sample_groups(run, scores, analysis.findings.choice.epoch):
        if not clips:
            continue
        sample = clips[0]
        if found and sample.name == found[0].sample.name:
            break  # there is one clip alone
        beside = []
        if base := _base_sample(analysis, sample):
            beside.append((analysis.worth.base, base))
        if real := real_recording(run, sample.category, sample.text):
            beside.append(("the speaker", real))
        found.append(SideBySide(heading, sample, beside))
    return found


def _base_sample(analysis: Analysis, sample: Sample) -> Sample | None:
    """What the base says of the sentence of a scored sample."""
    card, base = analysis.scores.card, analysis.scores.beside.get(ZERO_SHOT)
    if card is None or base is None:
        return None
    spoken = {clip.name: key for key, clip in utterances(card).items()}
    clip: ClipScore | None = utterances(base).get(spoken.get(sample.name, ("", "", "", -1)))
    if clip is None:
        return None
    said = f"{clip.score:.1f} of 10" if clip.score is not None else ""
    audio = data_uri(clip_file(analysis.run, clip.name))
    return Sample(clip.name, clip.category, clip.text, said, audio) if audio else None


def gates_said(analysis: Analysis) -> str:
    """How many of the minimum gates are met; empty where there are none."""
    states = [result.state for result in analysis.gates if result.gate.level == MINIMUM]
    if not states:
        return ""
    unknown = states.count(NOT_MEASURED)
    rest = f", {unknown} not measured" if unknown else ""
    return f"{states.count(MET)} of {len(states)} minimum gates met{rest}"


def next_steps(analyses: Sequence[Analysis], winner: str | None) -> list[Advice]:
    """What the winner's report asks for first; without a winner the first of each run's."""
    best = [one for one in analyses if one.run.name == winner]
    if best:
        return list(best[0].advice[:_SHOWN])
    firsts = [(one.run.name, one.advice[0]) for one in analyses if one.advice]
    return [replace(first, what=f"{name}: {first.what}") for name, first in firsts][:_SHOWN]


def curve_of(analyses: Sequence[Analysis]) -> LineChart | None:
    """The held-out loss by which the checkpoint is chosen, with the chosen epoch marked: of one run
    beside its loss on training clips, of several over each other."""
    first = analyses[0]
    unit = "mean of an epoch" if measures(first.run) else "nats per token"
    if len(analyses) > 1:
        name = _common_loss(analyses)
        lines, marks = [], []
        for one in analyses:
            if not (points := one.run.curve(name).points):  # another loss: not on this axis
                continue
            lines.append(Line(one.run.name, points))
            if (epoch := one.findings.choice.epoch) is not None:
                marks.append(EpochMark(epoch, f"epoch {epoch}", one.run.name))
        return line_chart("first", f"{name}: lower is better", unit, lines, marks)
    held_out, epoch = first.findings.held_out, first.findings.choice.epoch
    train = first.run.curve(held_out.name.replace("eval/", "train_eval/", 1))
    lines = [
        Line(held_out.name, held_out.points, "held out"),
        Line(train.name, train.points, "training clips"),
    ]
    marks = [] if epoch is None else [EpochMark(epoch, f"chosen: epoch {epoch}", held_out.name)]
    return line_chart("first", f"{held_out.name}: lower is better", unit, lines, marks)


def _common_loss(analyses: Sequence[Analysis]) -> str:
    """The loss by which most runs choose their checkpoint; one of a single source first, which is
    over the same clips in every run."""
    names = [one.findings.held_out.name for one in analyses]
    shown = {n: sum(bool(one.run.curve(n).points) for one in analyses) for n in names}
    return max(names, key=lambda name: (shown[name], name.count("/")))


def score_bars(analysis: Analysis) -> list[tuple[str, ShownScore | None, float | None, str]]:
    """Title, score, the base's score, and why there is none, of all aspects and overall."""
    scores, base = analysis.scores, analysis.scores.beside.get(ZERO_SHOT)
    of_base = card_scores(base) if base else {}
    return [
        (
            title,
            scores.by_aspect.get(name),
            of_base[name].value if name in of_base else None,
            scores.missing.get(name, ""),
        )
        for name, title in TITLES.items()
    ]
