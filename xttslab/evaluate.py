"""Score a run's voice, or a folder of recordings, with the reasons for every score.

python -m xttslab.evaluate run=best:combined
python -m xttslab.evaluate run=best:combined search=references
python -m xttslab.evaluate run=best:combined others=[theirs]
python -m xttslab.evaluate clips=theirs references=real texts=texts.csv out=scores.csv
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch
from xttslab.overrides import refuse_unread

if TYPE_CHECKING:
    from omegaconf import DictConfig


_NOT_SEARCHED = ("takes", "rows", "others", "out", "base_scores")
_OF_SPEAKING = (
    "seeds", "takes", "rows", "base_scores", "search_plan", "settings", "sentences", "device",
    "model", "weights", "dataset", "tracking",
)  # fmt: skip


def main(config: DictConfig) -> None:
    """Score as configured and say what was found, what is missing and how long it took.

    Raises UserError for two things asked for at once, or a search without a run.
    """
    from pathlib import Path

    from xttslab.errors import UserError
    from xttslab.files import require_writable

    _refuse_unread(config)
    if config.search not in ("", None, "references"):
        raise UserError(f"search={config.search}: there is one search, search=references")
    if config.search and not config.run:
        raise UserError("search=references needs run=RUN, whose folder keeps the winners")
    if config.clips and config.run:
        raise UserError("give run= or clips=, not both: clips= scores recordings as they are")
    if config.other_speakers:
        _require_folder(config.other_speakers, "other_speakers")
    for folder in [config.others] if isinstance(config.others, str) else config.others:
        _require_folder(folder, "others")
    if config.clips and config.others:
        raise UserError("others= stands beside run=RUN; score that folder by itself with clips=")
    if config.clips:
        _score_folder(config)
        return
    if config.out:
        require_writable(Path(config.out) / "scores.csv")
    _require_subject(config)
    from xttslab.evaluation.run_evaluation import evaluate_run, search_references  # they load torch

    (search_references if config.search else evaluate_run)(config)


def _refuse_unread(config: DictConfig) -> None:
    """Refuse what the kind of evaluation that is asked for does not read."""
    refuse_unread(("settings.seed",), "an evaluation", "seeds=[7,8] are what sentences start from")
    if config.clips:
        refuse_unread(_OF_SPEAKING, "clips=")
        return
    refuse_unread(("references", "texts"), "an evaluation without clips=")
    if config.search:
        refuse_unread(("seeds",), "search=references", "give search_plan.seeds=[7]")
        refuse_unread(_NOT_SEARCHED, "search=references")
    else:
        refuse_unread(("search_plan",), "an evaluation without search=references")


def _require_subject(config: DictConfig) -> None:
    from xttslab.data.manifest import require_folders
    from xttslab.errors import UserError
    from xttslab.model.weights import require_base
    from xttslab.speaking.texts import refuse_beside_run, require_voice

    if config.run:
        refuse_beside_run(config.run, ("model", "weights"))
        require_voice(config.run, config.tracking.uri)
    if dataset := config.get("dataset"):
        require_folders(dataset.name, dataset.sources)
    elif not config.run:
        raise UserError("evaluate what? give run=RUN, or clips=DIR, or a base's dataset=NAME")
    if not config.run:
        require_base(config.model, config.weights)


def _require_folder(folder: str, option: str) -> None:
    from pathlib import Path

    from xttslab.files import require_folder

    require_folder(Path(folder), option)


def _score_folder(config: DictConfig) -> None:
    from pathlib import Path

    from hydra.utils import instantiate

    from xttslab.errors import UserError

    if not config.references:
        raise UserError(
            "clips= needs references=DIR: real recordings of the speaker, which scores are read "
            "against"
        )
    for option in ("clips", "references"):
        _require_folder(config[option], option)
    if config.texts and not Path(config.texts).is_file():
        raise UserError(f"{config.texts}: no such file; correct texts=")
    from xttslab.evaluation.card_output import card_lines, end_lines
    from xttslab.evaluation.folder_scores import score_folder
    from xttslab.evaluation.stage_runner import Stopwatch

    names = ("clips", "references", "texts", "other_speakers")
    paths = {name: Path(config[name]) if config[name] else None for name in names}
    out, watch = Path(config.out or "scores.csv"), Stopwatch()
    scoring = instantiate(config.evaluation.scoring)
    card = score_folder(**paths, out=out, scoring=scoring, watch=watch)
    for line in (*card_lines({"clips": card}), *end_lines(watch, out)):
        print(line)


if __name__ == "__main__":
    launch(main, "evaluate")
