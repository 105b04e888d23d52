"""A run that has just finished in, its report out: the last thing that a training does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xttslab.reporting.analysis import Gates, Rules
from xttslab.reporting.build import report_run


def report_finished(run_dir: Path, uri: str, rules: Mapping[str, Any], gates: Gates) -> Path | None:
    """Report on the run in `run_dir` and say where; returns the page.

    The run is finished and stays so: whatever goes wrong is said in one line, and None returned.
    """
    try:
        written = report_run(str(run_dir), uri, Rules.of(rules), gates, None)
    except Exception as fault:  # nothing in a report may fail a training
        reason = (str(fault).splitlines() or [""])[0] or type(fault).__name__
        print(
            f"warning: no report ({reason}); the run is whole, try "
            f"`python -m xttslab.report run={run_dir}`",
            file=sys.stderr,
        )
        return None
    print(f"report     {written.html}")
    return written.html
