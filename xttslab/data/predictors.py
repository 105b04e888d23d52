"""Imports an optional predictor, or says in one line why it cannot be used here."""

from __future__ import annotations

import importlib
from types import ModuleType


class PredictorMissing(Exception):
    """A predictor cannot be used here; the message says why and how to get it.

    A missing predictor makes a score "not measured"; it never fails a run.
    """


def require(module: str, install: str) -> ModuleType:
    """Import an optional module; `install` is the command that brings it.

    Raises PredictorMissing when it is not installed or cannot be loaded on this machine.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as fault:  # OSError: a shared library of it is missing
        reason = str(fault).splitlines()[0]
        raise PredictorMissing(f"{module} cannot be imported ({reason}); {install}") from fault
