"""Loading what a run needs leaves the number of threads alone (Coqui's data set sets it to 1)."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, torch
torch.set_num_threads(3)
for name in ("training.run", "training.preflight", "model.adapters", "model.decoder"):
    importlib.import_module(f"xttslab.{name}")
print(torch.get_num_threads())
"""


def test_imports_leave_the_threads_alone() -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "3"
