"""`sweep.space` in, what Optuna draws from and the overrides of a draw out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from xttslab.errors import UserError

_KEYS = {"low", "high", "log", "step"}


def distributions(space: Mapping[str, Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """Each key of the configuration with `{low, high, log, step}` or `{choices: […]}`.

    Raises UserError that names the key where neither fits.
    """
    return {key: _distribution(key, dict(entry)) for key, entry in space.items()}


def _distribution(key: str, entry: dict[str, Any]) -> BaseDistribution:
    if set(entry) == {"choices"} and entry["choices"]:
        return CategoricalDistribution(entry["choices"])
    if {"low", "high"} <= set(entry) <= _KEYS:
        whole = isinstance(entry["low"], int) and isinstance(entry["high"], int)
        try:
            return IntDistribution(**entry) if whole else FloatDistribution(**entry)
        except (ValueError, TypeError) as fault:
            raise UserError(f"sweep.space.{key}: {fault}; correct {entry}") from fault
    raise UserError(
        f"sweep.space.{key}: {entry} is no range; give low and high (log, step), or choices"
    )


def overrides(params: Mapping[str, Any]) -> list[str]:
    """A draw as Hydra takes it: `optim.lr=3.2e-06`."""
    return [f"{key}={'null' if value is None else value}" for key, value in params.items()]
