"""A folder of recordings of any system, and one of real ones, in; a table of scores out."""

from __future__ import annotations

from pathlib import Path

from xttslab.evaluation.folders import read_clips
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.evaluation.tables import write_card, write_clips


def score_folder(
    clips: Path,
    references: Path,
    texts: Path | None,
    others: Path | None,
    out: Path,
    scoring: Scoring,
    watch: Stopwatch,
) -> Scorecard:
    """Score the recordings of `clips` and write the table `out` (CSV) with the card beside it.

    Args:
        clips, texts: recordings and their texts, see `read_clips`.
        references: real recordings of the speaker, with metadata where their texts are known.
        others: recordings of other speakers, the floor of voice similarity; None: the fixed one.
        out: the table; in a folder that exists, `scores.csv` there.
        watch: times the stages.

    Raises UserError as `read_clips` does.
    """
    with watch.stage("read"):
        spoken = read_clips(clips, texts)
        real = read_clips(references)
        foreign = read_clips(others) if others else []
    card = Scorer(real, scoring, foreign, watch=watch).score(spoken)
    table = out / "scores.csv" if out.is_dir() else out
    write_clips(table, {"clips": card})
    write_card(table.with_suffix(".json"), card)
    return card
