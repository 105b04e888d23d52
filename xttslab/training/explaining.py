"""Faults of the machine while training in, one line that says what to do out."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from hydra.core.hydra_config import HydraConfig

from xttslab.errors import UserError
from xttslab.training.memory import smaller_preset

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|bad_alloc")
_WORKER_GONE = re.compile(r"DataLoader worker \(pid\(?s?\)? ?[\d, ]+\)")
_PEER_GONE = re.compile(r"[Cc]onnection (closed|reset) by peer|Broken pipe|NCCL|gloo", re.DOTALL)


@contextmanager
def explained(run: str) -> Iterator[None]:
    """Turn memory that ran out, a data worker or another process of the run that was killed into
    a UserError; everything else passes as it is. `run` is the name to go on with."""
    try:
        yield
    except UserError as fault:
        lines = str(fault).strip().splitlines()
        if len(lines) < 2:
            raise
        # a data worker sends its traceback along; the message is behind the class in its last line
        raise UserError(lines[-1].partition("UserError: ")[2] or lines[-1]) from fault
    except (MemoryError, RuntimeError, ConnectionError, EOFError) as fault:
        raise UserError(f"{_cause(fault)}; go on with resume=true run_name={run}") from fault


def _cause(fault: Exception) -> str:
    """What happened and which setting helps; raises `fault` where that is not known."""
    text = str(fault)
    if isinstance(fault, MemoryError) or _NO_MEMORY.search(text):
        return _no_memory()
    if _WORKER_GONE.search(text) or _handing_over(fault):
        return (
            "a data worker process was killed, most likely because memory ran out: free some or "
            "set batch.workers=0"
        )
    if _distributed() and _PEER_GONE.search(text):
        return "another process of this run ended, see its message; all its processes have stopped"
    raise fault


def _handing_over(fault: Exception) -> bool:
    """Whether a worker died while it handed a batch over: then its socket breaks instead."""
    if not isinstance(fault, (ConnectionError, EOFError)):
        return False
    frames = traceback.extract_tb(fault.__traceback__)
    return any("multiprocessing" in frame.filename for frame in frames)


def _no_memory() -> str:
    if not torch.cuda.is_available():
        return "memory ran out: use hardware=cpu, batch.clips=1 or adapter=lora"
    choices = HydraConfig.get().runtime.choices if HydraConfig.initialized() else {}
    used = torch.cuda.max_memory_allocated() / 1e9
    preset = smaller_preset(used, choices.get("hardware"))
    there = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 1e9
    advice = f"use hardware={preset}" if preset else "no preset is smaller: use another card"
    return f"the GPU's memory ran out ({used:.1f} of {there:.1f} GB were in use): {advice}"


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
