"""Targets of `conf/evaluation/gates.yaml` and a run in; met, not met or not measured out."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xttslab.errors import UserError
from xttslab.reporting.record import RunData

Status = Literal["met", "not met", "not measured"]
_BOUNDS = {
    "below": (operator.lt, "<"),
    "at_most": (operator.le, "≤"),
    "at_least": (operator.ge, "≥"),
}


@dataclass(frozen=True)
class Gate:
    """One target: its level, what it asks, its status, and the value that decided it."""

    level: str
    name: str
    status: Status
    value: str


def check_gates(
    gates: Mapping[str, Sequence[Mapping[str, Any]]], run: RunData, epoch: int | None
) -> list[Gate]:
    """Judge every gate, in the order of the file, at `epoch` (None, or where a metric has no
    value there: its last value). Raises UserError for a gate without a bound."""
    return [_check(level, gate, run, epoch) for level, part in gates.items() for gate in part]


def _check(level: str, gate: Mapping[str, Any], run: RunData, epoch: int | None) -> Gate:
    bound = next((name for name in _BOUNDS if name in gate), None)
    if bound is None:
        raise UserError(f"gate {gate['name']!r}: give one of {', '.join(_BOUNDS)}")
    holds, sign = _BOUNDS[bound]
    name = f"{gate['name']} {sign} {gate[bound]:g}"
    metric = gate["metric"]
    value = run.value(metric, epoch) if epoch is not None else None
    value = run.value(metric) if value is None else value
    if value is None:
        return Gate(level, name, "not measured", metric)
    status: Status = "met" if holds(value, gate[bound]) else "not met"
    return Gate(level, name, status, f"{metric} {value:.4g}")
