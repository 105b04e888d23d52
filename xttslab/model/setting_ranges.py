"""Says between which values the settings of sampling lie; without torch, for what checks files."""

from __future__ import annotations

from typing import NamedTuple

from xttslab.errors import UserError


class NumberRange(NamedTuple):
    """The least and the most that a setting may be, and whether it counts in whole numbers."""

    least: float
    most: float
    whole: bool = False


SAMPLING = {
    "temperature": NumberRange(0.01, 5.0),
    "top_k": NumberRange(0, 10_000, whole=True),
    "top_p": NumberRange(0.01, 1.0),
    "repetition_penalty": NumberRange(0.5, 100.0),
}
SEED = NumberRange(0, 2**31 - 1, whole=True)


def require_number(name: str, value: object, allowed: NumberRange) -> None:
    """Raise UserError, which names the setting, unless `value` is a number of that range."""
    least, most, whole = allowed
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not least <= value <= most or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{name}={value}: give {kind} from {least:g} to {most:g}")
