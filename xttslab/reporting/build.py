"""A run's name and the configured rules in, its report as HTML and Markdown out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xttslab.reporting.analysis import Analysis, Gates, Rules, analyse
from xttslab.reporting.html import render, write
from xttslab.reporting.pages import report_content
from xttslab.reporting.record import RunData, load_run
from xttslab.tracking.journal import Journal
from xttslab.tracking.store import RunTracker


@dataclass(frozen=True)
class Written:
    """The two files of a report, and the analysis in them."""

    html: Path
    markdown: Path
    analysis: Analysis


def report_run(reference: str, uri: str, rules: Rules, gates: Gates, out: Path | None) -> Written:
    """Report on one run, into `out` or `<run folder>/report`, and log both files to the run.

    Raises UserError for a run that does not exist.
    """
    run = load_run(reference, uri)
    written = write_report(run, rules, gates, out or default_folder(run))
    if run.run_dir and Journal(run.run_dir).exists():
        tracker = RunTracker.attach(run.run_dir)
        tracker.log_artifact(written.html, "report")
        tracker.log_artifact(written.markdown, "report")
        tracker.close()
    return written


def write_report(run: RunData, rules: Rules, gates: Gates, folder: Path) -> Written:
    """Analyse a run and write `report.html` and `report.md`."""
    analysis = analyse(run, rules, gates)
    content = report_content(analysis, rules)
    html = write(folder / "report.html", render("report.html.j2", content))
    markdown = write(folder / "report.md", render("report.md.j2", content))
    return Written(html, markdown, analysis)


def default_folder(run: RunData) -> Path:
    """Beside the run, or under `outputs/` where its folder is not on this disk."""
    return (run.run_dir or Path("outputs") / run.name) / "report"
