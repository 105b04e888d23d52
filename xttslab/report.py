"""Analyse a run: one page of HTML, and the same as Markdown.

python -m xttslab.report run=milliomos
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Write the report of one run and say what it found first."""
    from omegaconf import OmegaConf

    from xttslab.tracking.lookup import require_run

    require_run(config.run, config.tracking.uri)
    from xttslab.reporting.analysis import ReportRules
    from xttslab.reporting.build import report_run

    plain = OmegaConf.to_container(config, resolve=True)
    written = report_run(
        config.run,
        config.tracking.uri,
        ReportRules.of(plain["rules"]),
        plain.get("gates"),
        plain["default_gates"],
        Path(config.out) if config.out else None,
    )
    print(f"verdict    {written.analysis.judgement.headline}")
    for answer in written.analysis.worth.answers:
        print(f"           {answer.question}: {answer.said} ({answer.numbers})")
    for reason in written.analysis.judgement.reasons:
        print(f"because    {reason}")
    for line in written.analysis.missing:
        print(f"missing    {line}")
    for advice in written.analysis.advice[:3]:
        print(f"advice     {advice.what} ({advice.because})")
    print(f"report     {written.html}")


if __name__ == "__main__":
    launch(main, "report")
