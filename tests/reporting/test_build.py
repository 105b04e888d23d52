"""A tracked run becomes one self-contained page and a Markdown file, logged to the run."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.reporting.runs import CONF, URI, gates, reference_run, rules, tracked_run
from xttslab.errors import UserError
from xttslab.reporting import build
from xttslab.reporting.build import (
    comparison_name,
    gates_of,
    report_finished,
    report_run,
    write_report,
)
from xttslab.reporting.run_data import RunData, run_files
from xttslab.tracking.runs import find_run


def test_a_report_holds_all_it_needs_and_joins_the_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run_dir = tracked_run()
    written = report_run("first", URI, rules(), None, gates(), None)
    page = written.html.read_text(encoding="utf-8")
    assert written.html == run_dir / "report/report.html"
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count('src="data:audio/mpeg;base64,') == 1 + 2  # on the first screen, and below
    assert "Epoch 10, not scored" in page  # nearest to the best epoch, 12
    assert "Ez egy &lt;nehéz&gt; kérdés." in page
    assert "Use the checkpoint of epoch 12" in page
    assert 'aria-labelledby="mel-t mel-d"' in page
    assert "2 clips have no category that a person named" in page
    assert ("schedule", "cosine") in [tuple(f) for f in _facts(page)]
    assert {"report/report.html", "report/report.md"} <= set(run_files(find_run("first", URI), URI))

    shutil.rmtree(run_dir)  # another machine: everything comes from the store
    again = report_run("first", URI, rules(), None, gates(), tmp_path / "elsewhere")
    assert again.analysis.findings == written.analysis.findings
    assert again.analysis.run.profile == {"clips": 3, "minutes": 0.2}
    assert again.html.read_text(encoding="utf-8").count('src="data:audio/mpeg;base64,') == 3

    shutil.rmtree(tmp_path / "mlruns/artifacts")
    bare = report_run("first", URI, rules(), None, gates(), tmp_path / "bare").analysis
    assert any("no spoken samples" in line for line in bare.missing)
    with pytest.raises(UserError, match="run 'second' is not in"):
        report_run("second", URI, rules(), None, gates(), None)


def _facts(page: str) -> list[list[str]]:
    line = re.search(r'The run</summary>\s*<p class="soft">(.*?)</p>', page, re.S)[1]
    return [entry.strip().split(": ", 1) for entry in line.split(" · ")]


def test_the_reference_report_as_markdown(tmp_path: Path) -> None:
    text = write_report(reference_run(), rules(), gates(), tmp_path).markdown.read_text("utf-8")
    assert "| train/text_ce (training mode, with dropout) | 4.0300 | – | 2.3400 |" in text
    assert "2.340 nats (0.0234 as Coqui weights it)" in text
    assert "rose from 4.280 at epoch 15 to 5.069 at epoch 29" in text
    assert "The logged losses differ by -0.023 at the end, but one has dropout" in text
    assert "- confirmation: 2 clips, 13 too few" in text
    assert "1. Calm the training" in text


@pytest.mark.parametrize(
    "histories",
    [{}, {"eval/mel_ce": {0: float("nan"), 1: float("nan")}}, {"train/mel_ce": {1: 5.0}}],
)
def test_poor_runs_still_give_a_page(tmp_path: Path, histories: dict) -> None:
    run = RunData("poor", status="KILLED", histories=histories)
    page = write_report(run, rules(), gates(), tmp_path).html.read_text(encoding="utf-8")
    assert "its status is KILLED" in page
    assert "No checkpoint can be named" in page


def test_a_fall_that_may_be_chance_is_not_called_an_end(tmp_path: Path) -> None:
    losses = dict(enumerate((2.507, 2.397, 2.393, 2.389)))
    run = RunData("short", histories={"eval/mel_ce": losses, "train/mel_ce": losses})
    text = write_report(run, rules(), gates(), tmp_path).markdown.read_text(encoding="utf-8")
    assert (
        "\n- Whether eval/mel_ce still falls cannot be told yet: -0.0358 nats an epoch, which may "
        "be chance.\n"
    ) in text


@pytest.fixture
def run_dir(workplace: Path) -> Path:
    return tracked_run()


def report_rules() -> dict:
    return yaml.safe_load((CONF / "rules/default.yaml").read_text(encoding="utf-8"))


def test_a_finished_run_gets_its_report(run_dir: Path, capsys) -> None:
    page = report_finished(run_dir, URI, report_rules(), gates())
    assert page == run_dir / "report/report.html"
    assert page.is_file()
    assert capsys.readouterr().out == f"report     {page}\n"


def test_no_report_is_one_line(run_dir: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device\nmore")

    monkeypatch.setattr(build, "write", full)
    assert report_finished(run_dir, URI, report_rules(), gates()) is None
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "warning: no report (No space left on device); the run is whole, try "
        f"`python -m xttslab.report run={run_dir}`\n"
    )


def test_a_run_is_held_to_the_gates_that_it_trained_with(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    own = {"minimum": [{"name": "Own", "metric": "eval/mel_ce", "below": 1.0}]}
    asked = {"minimum": [{"name": "Asked", "metric": "eval/mel_ce", "below": 2.0}]}
    config.write_text(yaml.safe_dump({"gates": own}), encoding="utf-8")
    run = RunData("run", files={"config/config.yaml": config})
    assert gates_of(run, None, gates()) == own
    assert gates_of(run, asked, gates()) == asked
    assert gates_of(RunData("imported"), None, gates()) == gates()
    config.write_text(yaml.safe_dump({"evaluation": {"gates": own}}), encoding="utf-8")
    assert gates_of(replace(run), None, gates()) == own  # as runs noted them before


def test_comparisons_of_long_names_have_folders_of_their_own() -> None:
    assert comparison_name(["első kör", "b"]) == "első_kör-b"
    long = "x" * 120
    names = {comparison_name([long, last]) for last in ("a", "b")}
    assert len(names) == 2
    assert {len(name) for name in names} == {120}
