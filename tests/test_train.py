"""The entry point of a training: every finished run ends with its report, on one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.reporting import build as closing
from xttslab.train import main
from xttslab.training import run


@pytest.fixture
def reported(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The runs that were reported on; none is really trained."""
    made: list[Path] = []
    monkeypatch.setattr(run, "train", lambda config, tags: 4.5)
    monkeypatch.setattr(closing, "report_finished", lambda folder, *_: made.append(folder))
    return made


def test_a_finished_run_is_reported_on_under_the_name_it_got(reported: list[Path], tiny) -> None:
    config = tiny()
    assert main(config) == 4.5
    assert reported == [Path("outputs") / config.run_name]
    assert config.run_name.startswith("milliomos_xtts_mini_")


def test_other_processes_of_the_run_report_nothing(
    reported: list[Path], tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    main(tiny("run_name=shared", *two))
    assert reported == []


def test_a_run_that_was_stopped_gets_no_report(
    reported: list[Path], tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> float:
        raise SystemExit(130)

    monkeypatch.setattr(run, "train", stopped)
    with pytest.raises(SystemExit):
        main(tiny("run_name=cut"))
    assert reported == []
