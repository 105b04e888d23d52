"""The peak memory is in bytes, whatever unit a system counts in."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from xttslab.training import watching
from xttslab.training.watching import peak_memory_gb

CPU = torch.device("cpu")


@pytest.mark.posix
@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_posix_systems_count_in_units_of_their_own(
    monkeypatch: pytest.MonkeyPatch, system: str, unit: int
) -> None:
    counted = pytest.importorskip("resource")
    used = SimpleNamespace(ru_maxrss=3_000_000_000 // unit)
    monkeypatch.setattr(watching.sys, "platform", system)
    monkeypatch.setattr(counted, "getrusage", lambda who: used)
    assert peak_memory_gb(CPU) == pytest.approx(3.0)


def test_windows_knows_the_peak_of_the_working_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching.sys, "platform", "win32")
    used = SimpleNamespace(rss=1_000_000_000, peak_wset=2_500_000_000)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda process: used)
    assert peak_memory_gb(CPU) == 2.5


def test_the_peak_is_no_less_than_what_is_used_now() -> None:
    assert peak_memory_gb(CPU) >= 0.5 * psutil.Process().memory_info().rss / 1e9
