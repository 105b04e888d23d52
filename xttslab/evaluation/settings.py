"""Settings of scoring: scales, aspects and defect weights of `conf/evaluation/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xttslab.errors import UserError
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.smoothness import DefectWeights
from xttslab.model.setting_ranges import NumberRange, require_number

HIGHEST = 10.0  # the best score
FIXED, REAL, OTHERS, MISMATCHED = "fixed", "real", "others", "mismatched"
_FLOORS, _CEILINGS = (FIXED, OTHERS, MISMATCHED), (FIXED, REAL)
_RANGES = {
    "failed": NumberRange(0, HIGHEST),
    "misheard": NumberRange(0, 1),
    "confidence": NumberRange(0.5, 0.999),
    "shown": NumberRange(0, 100, whole=True),
}
_WEIGHT = NumberRange(0, 1000)


def require_draws(draws: int, option: str) -> None:
    """Raise UserError for too few draws of a bootstrap to make an interval."""
    if draws < 2:
        raise UserError(f"{option}={draws}: so few draws have no interval; give 100 or more")


@dataclass(frozen=True)
class ScaleRule:
    """Where scores 0 and 10 lie on one raw measure.

    `floor` and `ceiling` are the values used as long as nothing was measured. `floor_from`:
    `fixed`, `others` (clips of other speakers) or `mismatched` (real clips against the texts of
    others). `ceiling_from`: `fixed` or `real` (the speaker's own clips).
    """

    floor: float
    ceiling: float
    floor_from: str
    ceiling_from: str

    def __post_init__(self) -> None:
        if self.floor == self.ceiling:
            raise UserError(f"a scale from {self.floor} to {self.ceiling}; give two values")
        for name, allowed in (("floor_from", _FLOORS), ("ceiling_from", _CEILINGS)):
            if getattr(self, name) not in allowed:
                choice = ", ".join(allowed)
                raise UserError(f"{name}={getattr(self, name)!r}; choose one of {choice}")


@dataclass(frozen=True)
class GateRule:
    """How far one aspect's score holds the overall score down.

    At a score of `fails` and below overall is at most `Scoring.failed`; from `holds` on the aspect
    sets no limit; between the two the limit rises in a straight line.
    """

    fails: float
    holds: float

    def __post_init__(self) -> None:
        if not 0 <= self.fails < self.holds <= HIGHEST:
            raise UserError(
                f"a gate that fails at {self.fails} and holds at {self.holds}; "
                "give 0 ≤ fails < holds ≤ 10"
            )


@dataclass(frozen=True)
class Scoring:
    """All settings of a scorecard.

    `weights`: each aspect's share in the overall score. `gates`: aspects without which nothing else
    counts: overall is at most `failed` where one fails. `misheard`: the highest
    character error rate of the real clips with which pronunciation still counts. `bootstrap` draws
    give intervals that hold `confidence`; `shown` best and worst samples are named.
    `real_measures` is the folder in which the measures of real recordings are kept by their
    content; empty: nowhere.

    Raises UserError, which names the setting, for one that cannot be.
    """

    language: str
    recogniser: Recogniser
    defects: DefectWeights
    scales: Mapping[str, ScaleRule]
    weights: Mapping[str, float]
    gates: Mapping[str, GateRule]
    failed: float
    misheard: float
    bootstrap: int
    confidence: float
    seed: int
    shown: int
    real_measures: str

    def __post_init__(self) -> None:
        require_draws(self.bootstrap, "evaluation.scoring.bootstrap")
        for name, allowed in _RANGES.items():
            require_number(f"evaluation.scoring.{name}", getattr(self, name), allowed)
        for name, weight in self.weights.items():
            require_number(f"evaluation.scoring.weights.{name}", weight, _WEIGHT)
        if set(self.weights) != set(ASPECTS):
            names = ", ".join(ASPECTS)
            raise UserError(f"weights of {sorted(self.weights)}; the aspects are {names}")
        unknown = sorted(set(self.gates) - set(ASPECTS))
        if unknown:
            raise UserError(f"a gate on {unknown[0]!r}; choose one of {', '.join(ASPECTS)}")
        wanted = {measure for aspect in ASPECTS.values() for measure in aspect.measures}
        unscaled = sorted(wanted - set(self.scales))
        if unscaled:
            raise UserError(f"no scale for {unscaled[0]}; add it under evaluation.scoring.scales")

    def beside_training(self) -> Scoring:
        """These settings with a recogniser that leaves a card to the training."""
        return replace(self, recogniser=self.recogniser.beside_training())
