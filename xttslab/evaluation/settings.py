"""Settings of scoring: scales, aspects and defect weights of `conf/evaluation/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xttslab.errors import UserError
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.smoothness import DefectWeights

ASPECTS = (
    "voice_similarity",
    "pronunciation",
    "naturalness",
    "emotion",
    "smoothness",
    "consistency",
)
FIXED, REAL, OTHERS, MISMATCHED = "fixed", "real", "others", "mismatched"
_FLOORS, _CEILINGS = (FIXED, OTHERS, MISMATCHED), (FIXED, REAL)


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
class AspectRule:
    """One of the six aspects: the first of `measures` that could be taken is scored.

    `weight` is its share in the overall score, `basis` what it is measured with, `validated`
    whether that was ever checked against people.
    """

    measures: Sequence[str]
    weight: float
    basis: str
    validated: str


@dataclass(frozen=True)
class Scoring:
    """All settings of a scorecard. `bootstrap` draws give intervals that hold `confidence`;
    `shown` best and worst samples are named."""

    language: str
    recogniser: Recogniser
    defects: DefectWeights
    scales: Mapping[str, ScaleRule]
    aspects: Mapping[str, AspectRule]
    bootstrap: int
    confidence: float
    seed: int
    shown: int

    def __post_init__(self) -> None:
        if set(self.aspects) != set(ASPECTS):
            raise UserError(f"aspects {sorted(self.aspects)}; the six are {', '.join(ASPECTS)}")
        wanted = {measure for rule in self.aspects.values() for measure in rule.measures}
        unscaled = sorted(wanted - set(self.scales))
        if unscaled:
            raise UserError(f"no scale for {unscaled[0]}; add it under evaluation.scoring.scales")
