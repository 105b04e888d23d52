"""python -m xttslab.compare: two or more runs in, one page with what sets them apart out.

python -m xttslab.compare runs=[milliomos,combined]
python -m xttslab.compare runs=[milliomos,combined] listen=true
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Write the comparison, after a listening session if one was asked for."""
    from omegaconf import OmegaConf

    from xttslab.errors import UserError
    from xttslab.reporting.analysis import Rules
    from xttslab.reporting.build import compare_references, listen
    from xttslab.reporting.verdict import VerdictRules

    plain = OmegaConf.to_container(config, resolve=True)
    rules = Rules.of(plain["rules"])
    if not isinstance(plain["runs"], list):
        raise UserError(f"runs={plain['runs']}: name two or more, as in runs=[first,second]")
    names = [str(name) for name in plain["runs"]]
    if config.listen:
        listen(names, config.tracking.uri, rules, config.tasks, config.port)
    written = compare_references(
        names,
        config.tracking.uri,
        rules,
        VerdictRules(**plain["verdict"]),
        plain["gates"],
        Path(config.out) if config.out else None,
    )
    verdict = written.comparison.verdict
    print(f"verdict    {verdict.headline}")
    for reason in verdict.reasons:
        print(f"because    {reason}")
    print(f"comparison {written.html}")


if __name__ == "__main__":
    launch(main, "compare")
