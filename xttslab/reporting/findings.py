"""A run's curves in, what they mean for its checkpoints out: which to use, since when not."""

from __future__ import annotations

from dataclasses import dataclass

from xttslab.reporting.curves import (
    Curve,
    CurveRules,
    Rise,
    Trend,
    largest_rise,
    spikes,
    trend,
)
from xttslab.reporting.loss_tables import Reading, ReadingRules, judge_reading
from xttslab.reporting.run_data import RunData

NOT_MEASURED = "not measured"
_SELECTION = "selection/"  # losses and marks in one number, of which lower is better


@dataclass(frozen=True)
class Choice:
    """The checkpoint to use: its epoch, or None where the measurements cannot name one."""

    epoch: int | None
    reason: str


@dataclass(frozen=True)
class Findings:
    """What the curves show. `train` and `held_out` are the loss curves that were judged, `gap`
    the honest gap at the chosen epoch, `gap_verdict` its reading against the thresholds, `reading`
    whether the text matters to the model (None: not measured)."""

    train: Curve
    held_out: Curve
    instability: Rise | None
    spikes: tuple[int, ...]
    overfitting: Rise | None
    trend: Trend | None
    choice: Choice
    gap: float | None
    gap_verdict: str
    reading: Reading | None


@dataclass(frozen=True)
class FindingRules:
    """See `conf/rules/`: the rules for curves, and the thresholds of gap, choice and reading."""

    curves: CurveRules
    least_evaluations: int
    moderate_gap: float
    severe_gap: float
    reading: ReadingRules


def find(run: RunData, rules: FindingRules) -> Findings:
    """Judge one run's curves; every part is None or says so where a curve is missing."""
    watched = [run.monitor] if run.monitor.startswith("eval") else []  # marks are no losses
    held_out = _first_with_points(run, *watched, "eval/mel_ce", "eval/total")
    alike = [name.replace("eval/", "train/", 1) for name in watched]
    train = _first_with_points(run, *alike, "train/mel_ce", "train/total")
    same_mode = run.curve("train_eval/mel_ce")
    judged = same_mode if same_mode.points else train
    overfitting = _overfitting(held_out, judged, rules.curves)
    chosen_by = [run.monitor] if run.monitor.startswith(_SELECTION) else []
    choice = _choice(train, _first_with_points(run, *chosen_by, held_out.name), rules)
    gap = run.value("gap/mel_ce", choice.epoch) if choice.epoch is not None else None
    gap = run.value("gap/mel_ce") if gap is None else gap
    return Findings(
        train,
        held_out,
        largest_rise(train, rules.curves),
        spikes(train, rules.curves),
        overfitting,
        trend(held_out, rules.curves),
        choice,
        gap,
        _gap_verdict(gap, rules),
        judge_reading(run, choice.epoch, rules.reading, rules.curves),
    )


def _first_with_points(run: RunData, *names: str) -> Curve:
    curves = [run.curve(name) for name in names]
    return next((line for line in curves if line.points), curves[0])


def _overfitting(held_out: Curve, train: Curve, rules: CurveRules) -> Rise | None:
    """The held-out loss rises for good while the training loss goes on falling."""
    rise = largest_rise(held_out, rules)
    if rise is None:
        return None
    before = _at_or_before(train, rise.low_epoch)
    after = _at_or_before(train, rise.high_epoch)
    falls = before is not None and after is not None and after < before
    return rise if falls else None


def _at_or_before(line: Curve, epoch: int) -> float | None:
    known = [value for e, value in line.points.items() if e <= epoch]
    return known[-1] if known else None


def _choice(train: Curve, watched: Curve, rules: FindingRules) -> Choice:
    """The epoch at which `watched`, what the checkpoint is chosen by, is lowest."""
    count, best = len(watched.points), watched.best
    if best is None:
        broken = " (every value is NaN)" if watched.broken else ""
        return Choice(None, f"{watched.name} was {NOT_MEASURED}{broken}")
    if count < rules.least_evaluations:
        at = ", ".join(str(epoch) for epoch in watched.points)
        times = "1 time" if count == 1 else f"{count} times"
        reason = f"{watched.name} was measured {times} (epoch {at})"
        lowest = train.best
        if lowest and train.last and lowest[1] < train.last[1]:
            reason += (
                f"; the training loss alone points to epoch {lowest[0]} "
                f"({lowest[1]:.3f}, at the end {train.last[1]:.3f})"
            )
        return Choice(None, reason)
    return Choice(best[0], f"{watched.name} is lowest there: {best[1]:.4f}")


def _gap_verdict(gap: float | None, rules: FindingRules) -> str:
    if gap is None:
        return NOT_MEASURED
    if gap < rules.moderate_gap:
        return f"a small gap (below {rules.moderate_gap})"
    if gap <= rules.severe_gap:
        return f"moderate overfitting ({rules.moderate_gap} to {rules.severe_gap})"
    return f"severe overfitting, memorised (above {rules.severe_gap})"
