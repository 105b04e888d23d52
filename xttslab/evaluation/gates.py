"""Gates (`conf/evaluation/gates.yaml`) and metrics in; met, not met or not measured out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from xttslab.errors import UserError

MET, NOT_MET, NOT_MEASURED = "met", "not met", "not measured"
_BOUNDS = {
    "below": lambda value, bound: value < bound,
    "at_most": lambda value, bound: value <= bound,
    "at_least": lambda value, bound: value >= bound,
}


@dataclass(frozen=True)
class Gate:
    """A bound on one metric: `kind` is `below`, `at_most` or `at_least`."""

    level: str
    name: str
    metric: str
    kind: str
    bound: float


@dataclass(frozen=True)
class GateResult:
    """A gate with the value that it was checked against, None where there is none."""

    gate: Gate
    value: float | None
    state: str


def read_gates(levels: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Gate]:
    """Gates from plain data, level → list of gates, in order.

    Raises UserError for a gate without exactly one bound, or without name or metric.
    """
    return [_gate(level, entry) for level, entries in levels.items() for entry in entries]


def check_gates(gates: Sequence[Gate], metrics: Mapping[str, float]) -> list[GateResult]:
    """Hold every gate against the run's metrics; a missing or NaN metric is not measured."""
    return [_check(gate, metrics.get(gate.metric)) for gate in gates]


def _gate(level: str, entry: Mapping[str, Any]) -> Gate:
    kinds = [kind for kind in _BOUNDS if kind in entry]
    for key in ("name", "metric"):
        if key not in entry:
            raise UserError(f"a gate of level {level} has no {key}: {dict(entry)}; add it")
    if len(kinds) != 1:
        raise UserError(
            f"gate {entry['name']!r} of level {level} has {len(kinds)} bounds; "
            f"give one of {', '.join(_BOUNDS)}"
        )
    return Gate(level, entry["name"], entry["metric"], kinds[0], float(entry[kinds[0]]))


def _check(gate: Gate, value: float | None) -> GateResult:
    if value is None or isnan(value):
        return GateResult(gate, None, NOT_MEASURED)
    met = _BOUNDS[gate.kind](value, gate.bound)
    return GateResult(gate, value, MET if met else NOT_MET)
