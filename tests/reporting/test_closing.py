"""The report at the end of a training is made, and its failure is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.reporting.runs import CONF, URI, gates, tracked_run
from xttslab.reporting import build
from xttslab.reporting.closing import report_finished


@pytest.fixture
def run_dir(workplace: Path) -> Path:
    return tracked_run()


def rules() -> dict:
    return yaml.safe_load((CONF / "rules/default.yaml").read_text(encoding="utf-8"))


def test_a_finished_run_gets_its_report(run_dir: Path, capsys) -> None:
    page = report_finished(run_dir, URI, rules(), gates())
    assert page == run_dir / "report/report.html"
    assert page.is_file()
    assert capsys.readouterr().out == f"report     {page}\n"


def test_no_report_is_one_line(run_dir: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device\nmore")

    monkeypatch.setattr(build, "write", full)
    assert report_finished(run_dir, URI, rules(), gates()) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "warning: no report (No space left on device); the run is whole, try "
        f"`python -m xttslab.report run={run_dir}`\n"
    )
