"""python -m xttslab.evaluate: a run, or a folder of recordings, in; marks with their reasons out.

python -m xttslab.evaluate run=best:combined
python -m xttslab.evaluate run=best:combined search=references
python -m xttslab.evaluate clips=theirs references=real texts=texts.csv out=scores.csv
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Score as configured and say what was found, what is missing and how long it took."""
    from xttslab.errors import UserError
    from xttslab.judging.commands import judge_folder, judge_run, search_references

    if config.search not in (None, "references"):
        raise UserError(f"search={config.search}: there is one search, search=references")
    if config.clips:
        judge_folder(config)
    elif config.search:
        search_references(config)
    else:
        judge_run(config)


if __name__ == "__main__":
    launch(main, "evaluate")
