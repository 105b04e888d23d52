"""What advice is made from, and what it is: shared by all rules."""

from __future__ import annotations

from dataclasses import dataclass

from xttslab.reporting.findings import Findings
from xttslab.reporting.record import RunData
from xttslab.reporting.scores import Scores


@dataclass(frozen=True)
class Advice:
    """What to do, the measurement that says so, and how pressing it is from 0 to 1."""

    rule: str
    what: str
    because: str
    urgency: float


@dataclass(frozen=True)
class AdviceRules:
    """Thresholds; `conf/rules/` says where each comes from."""

    minutes: float
    clips: int
    category_clips: int
    category_enough: int
    clipped_share: float
    rejected_share: float
    noise_db: float
    noisy_share: float
    reference_loss: float
    stop_ce: float
    low_mark: float


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    run: RunData
    findings: Findings
    scores: Scores
    rules: AdviceRules
