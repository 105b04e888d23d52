"""Finds overfitting, instability, lost text gain and the checkpoint to use in a run's curves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xttslab.reporting.curves import (
    Curve,
    CurveRules,
    Rise,
    Trend,
    largest_rise,
    spikes,
    trend,
)
from xttslab.reporting.loss_tables import OTHER_TEXT, TEXT_GAIN, beside
from xttslab.reporting.run_data import RunData

NOT_MEASURED = "not measured"
_MODERATE, _SEVERE = "moderate overfitting", "severe overfitting"
_SELECTION = "selection/"  # losses and scores in one number, of which lower is better


@dataclass(frozen=True)
class Choice:
    """The checkpoint to use: its epoch, or None where the measurements cannot name one."""

    epoch: int | None
    reason: str


@dataclass(frozen=True)
class TextGainRules:
    """In nats per token: `least` that the right text must help, and the `least_fall` that counts
    (it must also pass the curve's noise)."""

    least: float
    least_fall: float


@dataclass(frozen=True)
class Fall:
    """From a high to the lowest point after it, which two points in a row show."""

    high_epoch: int
    high: float
    low_epoch: int
    low: float


@dataclass(frozen=True)
class TextGain:
    """The text gain at `epoch`, the chosen one or else the last: how much the right text helps.

    `other_loss` is the loss with another text there; `low` says that `value` is below `least`.
    """

    epoch: int
    value: float
    other_loss: float | None
    least: float
    fall: Fall | None

    @property
    def low(self) -> bool:
        """Whether the right text helps less than it must."""
        return self.value < self.least

    @property
    def meaning(self) -> str:
        """One line for a reader of losses."""
        side = "helps" if self.value >= 0 else "harms"
        said = f"The right text {side} by {abs(self.value):.3f} nats a token"
        if self.other_loss is not None:
            right = self.other_loss - self.value
            said += f": with another clip's text the loss is {self.other_loss:.3f}, not {right:.3f}"
        return f"{said}. Near 0 a model ignores what it is to say."

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, each with its numbers; empty where nothing is."""
        found = []
        if self.low:
            what = "near zero" if self.value >= -self.least else "the wrong text does better"
            value = beside(self.value, self.least, 3)
            found.append(f"{TEXT_GAIN} is {value} nats at epoch {self.epoch}, {what}")
        if fall := self.fall:
            found.append(
                f"{TEXT_GAIN} fell from {fall.high:.3f} at epoch {fall.high_epoch} to "
                f"{fall.low:.3f} at epoch {fall.low_epoch}"
            )
        return found


@dataclass(frozen=True)
class Findings:
    """What the curves show. `train` and `held_out` are the loss curves that were analysed, `gap`
    the honest gap at the chosen epoch, `gap_verdict` its place among the thresholds,
    `text_gain` how much the text matters to the model (None: not measured)."""

    train: Curve
    held_out: Curve
    instability: Rise | None
    spikes: tuple[int, ...]
    overfitting: Rise | None
    trend: Trend | None
    choice: Choice
    gap: float | None
    gap_verdict: str
    text_gain: TextGain | None

    @property
    def memorised(self) -> bool:
        """Whether the gap alone shows overfitting."""
        return self.gap_verdict.startswith((_MODERATE, _SEVERE))

    @property
    def overfitting_said(self) -> str:
        """The rise of the held-out loss, in words; empty where there is none."""
        rise = self.overfitting
        return (
            ""
            if rise is None
            else (
                f"{self.held_out.name} rose from {rise.low:.3f} to {rise.high:.3f} at epoch "
                f"{rise.high_epoch} while the training loss fell"
            )
        )

    @property
    def instability_said(self) -> str:
        """The rise of the training loss, in words; empty where there is none."""
        rise = self.instability
        return (
            ""
            if rise is None
            else (
                f"{self.train.name} rose from {rise.low:.3f} at epoch {rise.low_epoch} to "
                f"{rise.high:.3f} at epoch {rise.high_epoch}, {rise.loss}"
            )
        )

    @property
    def fall_said(self) -> str:
        """The fall of the held-out loss at the end, in words; empty where it does not fall."""
        if self.trend is None or not self.trend.falling:
            return ""
        return f"{self.held_out.name} still falls by {-self.trend.slope:.4f} nats an epoch"


@dataclass(frozen=True)
class FindingRules:
    """See `conf/rules/`: the rules for curves, and the thresholds of gap, choice and text gain."""

    curves: CurveRules
    least_evaluations: int
    moderate_gap: float
    severe_gap: float
    text_gain: TextGainRules


def find(run: RunData, rules: FindingRules) -> Findings:
    """Analyse one run's curves; every part is None or says so where a curve is missing."""
    watched = [run.monitor] if run.monitor.startswith("eval") else []  # scores are no losses
    held_out = _first_with_points(run, *watched, "eval/mel_ce", "eval/total")
    alike = [name.replace("eval/", "train/", 1) for name in watched]
    train = _first_with_points(run, *alike, "train/mel_ce", "train/total")
    same_mode = run.curve("train_eval/mel_ce")
    compared = same_mode if same_mode.points else train
    overfitting = _overfitting(held_out, compared, rules.curves)
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
        text_gain(run, choice.epoch, rules.text_gain, rules.curves),
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
        return f"{_MODERATE} ({rules.moderate_gap} to {rules.severe_gap})"
    return f"{_SEVERE}, memorised (above {rules.severe_gap})"


def text_gain(
    run: RunData, chosen: int | None, rules: TextGainRules, curves: CurveRules
) -> TextGain | None:
    """The gain at the `chosen` epoch and over all of training; None where it was not measured."""
    line = run.curve(TEXT_GAIN)
    if not line.points:
        return None
    epoch = chosen if chosen in line.points else max(line.points)
    value = line.points[epoch]
    fall = _largest_fall(line, replace(curves, least_rise=rules.least_fall))
    return TextGain(epoch, value, run.value(OTHER_TEXT, epoch), rules.least, fall)


def _largest_fall(line: Curve, rules: CurveRules) -> Fall | None:
    """A rise of the mirrored curve: the same rule against noise for both directions."""
    mirrored = Curve(line.name, {epoch: -value for epoch, value in line.points.items()})
    rise = largest_rise(mirrored, rules)
    return rise and Fall(rise.low_epoch, -rise.low, rise.high_epoch, -rise.high)
