"""Writes reports and comparisons of runs as HTML and Markdown, and logs them with the runs."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xttslab.errors import UserError
from xttslab.reporting.analysis import Analysis, Gates, ReportRules, analyse
from xttslab.reporting.comparison import Comparison, compare_runs, comparison_content
from xttslab.reporting.html import render, write
from xttslab.reporting.pages import report_content
from xttslab.reporting.run_data import RunData, load_run
from xttslab.reporting.verdict import VerdictRules
from xttslab.tracking.journal import Journal
from xttslab.tracking.run_tracker import RunTracker

_LONGEST_NAME = 120  # characters of a comparison's folder


@dataclass(frozen=True)
class Written:
    """The two files of a report, and the analysis in them."""

    html: Path
    markdown: Path
    analysis: Analysis


def report_run(
    reference: str,
    uri: str,
    rules: ReportRules,
    gates: Gates | None,
    default_gates: Gates,
    out: Path | None,
) -> Written:
    """Report on one run, into `out` or `<run folder>/report`, and log both files to the run.

    `gates` None: those that the run trained with, the `default_gates` where it noted none. Raises
    UserError for a run that does not exist.
    """
    run = load_run(reference, uri)
    held_to = gates_of(run, gates, default_gates)
    written = write_report(run, rules, held_to, out or default_folder(run))
    if run.run_dir and Journal(run.run_dir).exists():
        tracker = RunTracker.attach(run.run_dir)
        tracker.log_artifact(written.html, "report")
        tracker.log_artifact(written.markdown, "report")
        tracker.close()
    return written


def gates_of(run: RunData, given: Gates | None, default: Gates) -> Gates:
    """The gates that were asked for, else those in the run's own configuration, else `default`."""
    noted = run.config.get("gates") or (run.config.get("evaluation") or {}).get("gates")
    return given or noted or default


def write_report(run: RunData, rules: ReportRules, gates: Gates, folder: Path) -> Written:
    """Analyse a run and write `report.html` and `report.md`."""
    analysis = analyse(run, rules, gates)
    content = report_content(analysis, rules)
    html = write(folder / "report.html", render("report.html.j2", content))
    markdown = write(folder / "report.md", render("report.md.j2", content))
    return Written(html, markdown, analysis)


@dataclass(frozen=True)
class Compared:
    """The two files of a comparison, and what is in them."""

    html: Path
    markdown: Path
    comparison: Comparison


def compare_references(
    references: Sequence[str],
    uri: str,
    rules: ReportRules,
    verdict: VerdictRules,
    gates: Gates | None,
    default_gates: Gates,
    out: Path | None,
) -> Compared:
    """Compare the named runs, into `out` or `outputs/compare/<names>`.

    `gates` None: each run is held to those that it trained with. Raises
    UserError for a run that does not exist, or fewer than two.
    """
    if len(references) < 2:
        raise UserError(f"runs=[{','.join(references)}]: name two or more runs")
    runs = [load_run(reference, uri) for reference in references]
    held_to = [gates_of(run, gates, default_gates) for run in runs]
    folder = out or Path("outputs/compare") / comparison_name([run.name for run in runs])
    return write_comparison(compare_runs(runs, rules, verdict, held_to), folder)


def comparison_name(runs: Sequence[str]) -> str:
    """The folder's name for a comparison of runs with these names, cut where it is too long for a
    path; a hash tells those apart that begin alike."""
    name = "-".join(re.sub(r"[^\w.-]+", "_", run) for run in runs)
    if len(name) <= _LONGEST_NAME:
        return name
    ending = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name[: _LONGEST_NAME - len(ending)] + ending


def write_comparison(comparison: Comparison, folder: Path) -> Compared:
    """Write `compare.html` and `compare.md`."""
    content = comparison_content(comparison)
    html = write(folder / "compare.html", render("compare.html.j2", content))
    markdown = write(folder / "compare.md", render("compare.md.j2", content))
    return Compared(html, markdown, comparison)


def default_folder(run: RunData) -> Path:
    """Beside the run, or under `outputs/` where its folder is not on this disk."""
    return (run.run_dir or Path("outputs") / run.name) / "report"


def report_finished(run_dir: Path, uri: str, rules: Mapping[str, Any], gates: Gates) -> Path | None:
    """Report on the run in `run_dir` and say where; returns the page.

    The run is finished and stays so: whatever goes wrong is said in one line, and None returned.
    """
    try:
        written = report_run(str(run_dir), uri, ReportRules.of(rules), gates, gates, None)
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
