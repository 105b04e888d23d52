"""Targets of `conf/evaluation/gates.yaml` and a run in; met, not met or not measured out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xttslab.errors import UserError
from xttslab.reporting.record import RunData

LEVELS = ("minimum", "target", "stretch")
Status = Literal["met", "not met", "not measured"]


@dataclass(frozen=True)
class Gate:
    """One target: its level, its status, and the values that decided it."""

    level: str
    name: str
    status: Status
    values: str


def check_gates(
    gates: Mapping[str, Sequence[Mapping[str, Any]]], run: RunData, epoch: int | None
) -> list[Gate]:
    """Judge every gate at `epoch` (None, or where a metric has no value there: its last value).

    Raises UserError for a level or condition that is none.
    """
    unknown = sorted(set(gates) - set(LEVELS))
    if unknown:
        raise UserError(f"gates: {unknown[0]!r} is no level; use {', '.join(LEVELS)}")
    return [_check(level, gate, run, epoch) for level in LEVELS for gate in gates.get(level, ())]


def _check(level: str, gate: Mapping[str, Any], run: RunData, epoch: int | None) -> Gate:
    passed: list[bool | None] = []
    values: list[str] = []
    for condition in gate["conditions"]:
        metric = condition["metric"]
        value = run.value(metric, epoch) if epoch is not None else None
        value = run.value(metric) if value is None else value
        values.append(f"{metric} {'not measured' if value is None else f'{value:.4g}'}")
        passed.append(None if value is None else _holds(condition, value))
    if False in passed:
        return Gate(level, gate["name"], "not met", ", ".join(values))
    status: Status = "not measured" if None in passed else "met"
    return Gate(level, gate["name"], status, ", ".join(values))


def _holds(condition: Mapping[str, Any], value: float) -> bool:
    if "below" in condition:
        return value < condition["below"]
    if "at_least" in condition:
        return value >= condition["at_least"]
    raise UserError(f"gates: the condition on {condition['metric']} needs `below` or `at_least`")
