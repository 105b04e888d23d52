"""Compare two or more runs on one page: tables, curves, audio side by side, a verdict.

python -m xttslab.compare runs=[milliomos,combined]
python -m xttslab.compare runs=[milliomos,combined] listen=true
python -m xttslab.compare runs=[milliomos,combined] listen=true epochs=[0,10,best]
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.reporting.analysis import ReportRules


def main(config: DictConfig) -> None:
    """Write the comparison, after a listening session if one was asked for."""
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(config, resolve=True)
    _require(plain)
    names = plain["runs"]
    from xttslab.reporting.analysis import ReportRules  # from here on, libraries that need seconds
    from xttslab.reporting.build import compare_references
    from xttslab.reporting.verdict import VerdictRules

    rules = ReportRules.of(plain["rules"])
    if config.listen:
        _listen(plain, rules)
    if len(names) == 1:  # its epochs stand in its report
        print(f"next       python -m xttslab.report run={names[0]}")
        return
    written = compare_references(
        names,
        config.tracking.uri,
        rules,
        VerdictRules(**plain["verdict"]),
        plain.get("gates"),
        plain["default_gates"],
        Path(config.out) if config.out else None,
    )
    verdict = written.comparison.verdict
    print(f"verdict    {verdict.headline}")
    for reason in verdict.reasons:
        print(f"because    {reason}")
    for one in written.comparison.analyses:
        print(f"beside its base, {one.run.name}: {one.judgement.headline}")
    print(f"comparison {written.html}")


def _require(plain: dict[str, Any]) -> None:
    """What the disk and the command line tell before anything is loaded."""
    from xttslab.errors import UserError
    from xttslab.tracking.lookup import require_run

    names, listen = plain["runs"], plain["listen"]
    if not isinstance(names, list) or len(names) < (1 if listen else 2):
        shown = f"[{','.join(names)}]" if isinstance(names, list) else names
        raise UserError(f"runs={shown}: name two or more runs, as in runs=[first,second]")
    if not listen and (plain["epochs"] != ["best"] or plain["others"]):
        raise UserError("epochs= and others= say what is heard: they need listen=true")
    for name in names:
        require_run(name, plain["tracking"]["uri"])


def _listen(plain: dict[str, Any], rules: ReportRules) -> None:
    from xttslab.reporting.listening import ListeningPlan
    from xttslab.serving.listening_pages import listen

    listen(
        plain["runs"],
        plain["tracking"]["uri"],
        rules.findings,
        plain["epochs"],
        plain["others"],
        ListeningPlan(plain["tasks"], plain["sure"]),
        plain["port"],
    )


if __name__ == "__main__":
    launch(main, "compare")
