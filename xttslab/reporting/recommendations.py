"""A case in, advice out: ranked, each with the measurement that triggered it."""

from __future__ import annotations

from collections.abc import Callable

from xttslab.reporting import training_advice as training
from xttslab.reporting import voice_advice as voice
from xttslab.reporting.advice import Advice, Case

RULES: tuple[Callable[[Case], Advice | None], ...] = (
    training.broken_values,
    training.unstable,
    training.evaluate_often,
    training.overfitted,
    training.memorised,
    training.reading,
    training.more_epochs,
    training.clipping,
    voice.data_amount,
    voice.category_counts,
    voice.noisy,
    voice.rejected,
    voice.reference_cost,
    voice.endings,
    voice.weakest_aspect,
)


def advise(case: Case) -> list[Advice]:
    """The advice of every rule that fires, most pressing first."""
    found = [advice for rule in RULES if (advice := rule(case))]
    return sorted(found, key=lambda advice: -advice.urgency)
