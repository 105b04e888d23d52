"""A run's `eval/reads` in, whether its model reads the text or only goes on with sounds out.

`eval/reads` is what the codes of a held-out clip cost more, in nats per token, when the model is
given another clip's text: near 0, the text makes no difference to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xttslab.reporting.curves import Curve, CurveRules, largest_rise
from xttslab.reporting.meaning import beside
from xttslab.reporting.record import RunData

READS, OTHER_TEXT = "eval/reads", "eval/mel_ce_other_text"


@dataclass(frozen=True)
class ReadingRules:
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
class Reading:
    """How much the right text helps at `epoch`, the chosen one or else the last.

    `other_loss` is the loss with another text there; `deaf` says that `value` is below `least`.
    """

    epoch: int
    value: float
    other_loss: float | None
    least: float
    fall: Fall | None

    @property
    def deaf(self) -> bool:
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
        """What is wrong with it, each with its numbers; empty where it reads."""
        found = []
        if self.deaf:
            what = "near zero" if self.value >= -self.least else "the wrong text does better"
            value = beside(self.value, self.least, 3)
            found.append(f"{READS} is {value} nats at epoch {self.epoch}, {what}")
        if fall := self.fall:
            found.append(
                f"{READS} fell from {fall.high:.3f} at epoch {fall.high_epoch} to {fall.low:.3f} "
                f"at epoch {fall.low_epoch}"
            )
        return found


def judge_reading(
    run: RunData, chosen: int | None, rules: ReadingRules, curves: CurveRules
) -> Reading | None:
    """Reading at the `chosen` epoch and over all of training; None where it was not measured."""
    line = run.curve(READS)
    if not line.points:
        return None
    epoch = chosen if chosen in line.points else max(line.points)
    value = line.points[epoch]
    fall = _largest_fall(line, replace(curves, least_rise=rules.least_fall))
    return Reading(epoch, value, run.value(OTHER_TEXT, epoch), rules.least, fall)


def _largest_fall(line: Curve, rules: CurveRules) -> Fall | None:
    """A rise of the mirrored curve: the same rule against noise for both directions."""
    mirrored = Curve(line.name, {epoch: -value for epoch, value in line.points.items()})
    rise = largest_rise(mirrored, rules)
    return rise and Fall(rise.low_epoch, -rise.low, rise.high_epoch, -rise.high)
