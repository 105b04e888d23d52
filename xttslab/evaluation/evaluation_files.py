"""Writes an evaluation to disk, and its numbers and files to the run in MLflow."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from xttslab.data.audio import write_audio
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.card_output import write_card, write_clips
from xttslab.evaluation.reference_search import Ranked
from xttslab.evaluation.run_scores import Evaluation
from xttslab.evaluation.scorecard import RUN, ClipScore
from xttslab.files import replacing, write_atomically
from xttslab.speaking.chosen import Chosen, write_chosen
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import EVALUATED
from xttslab.tracking.run_tracker import RunTracker

CARD, CLIPS, ROWS, AUDIO = "scorecard.json", "scores.csv", "rows.json", "audio"
BESIDE = "scorecards"  # of the rows beside the run
FOLDER = "evaluation"  # of the run's artifacts


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write `scorecard.json` (of the run), `scores.csv` (every clip of every row), `rows.json`
    (scores by row and sentence set), `scorecards/` (of the rows beside the run) and `audio/`; the
    folders replace those of an earlier evaluation.

    Raises UserError when the disk is full or the folder cannot be written.
    """
    _write_audio(evaluation, out / AUDIO)
    write_clips(out / CLIPS, evaluation.cards)
    rows = json.dumps(summary(evaluation), ensure_ascii=False, indent=1)
    write_atomically(out / ROWS, rows.encode())
    with replacing(out / BESIDE) as partial:
        for row, card in evaluation.cards.items():
            if row != RUN:
                write_card(partial / f"{row}.json", card)
    write_card(out / CARD, evaluation.cards[RUN])


def track_evaluation(
    evaluation: Evaluation, out: Path, run_dir: Path | None, epoch: int | None
) -> bool:
    """Log numbers and files to the run of `run_dir`; False where no tracked run is there.

    `epoch` is that of the weights that spoke, None where it is not known. The numbers get the step
    after the run's last one: an evaluation speaks other sentences than training did, and the newest
    values are what reports and gates read.
    """
    if run_dir is None or not Journal(run_dir).exists():
        return False
    tracker = RunTracker.attach(run_dir)
    spoke = {} if epoch is None else {EVALUATED: epoch}
    tracker.log_metrics(metrics(evaluation) | spoke, step=(tracker.last_step or 0) + 1)
    for name in (CARD, CLIPS, ROWS):
        tracker.log_artifact(out / name, FOLDER)
    for name in (BESIDE, AUDIO):
        tracker.log_artifact(out / name, f"{FOLDER}/{name}")
    tracker.close()
    return True


def track_search(
    rankings: Sequence[Sequence[Ranked]], chosen: Mapping[str, Chosen], run_dir: Path
) -> Path:
    """Keep the winners in the run's folder, where `say` and `export` find them, and log them with
    the whole ranking (`evaluation/references.csv`); returns the winners' file."""
    kept = write_chosen(run_dir, chosen)
    table = run_dir / FOLDER / "references.csv"
    write_atomically(table, _ranking_csv(rankings).encode())
    if Journal(run_dir).exists():
        tracker = RunTracker.attach(run_dir)
        for path in (kept, table):
            tracker.log_artifact(path, FOLDER)
        tracker.close()
    return kept


def _ranking_csv(rankings: Sequence[Sequence[Ranked]]) -> str:
    """category, recording, temperature, score, gain over the usual way, its interval."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("category", "recording", "temperature", "score", "gain", "low", "high"))
    for one in (one for ranking in rankings for one in ranking):
        gain = one.gain
        over = ("", "", "") if gain is None else (gain.value, gain.low, gain.high)
        numbers = (f"{value:.3f}" if value != "" else "" for value in over)
        tried = one.candidate
        writer.writerow(
            (tried.category, tried.recording, tried.temperature, f"{one.score:.3f}", *numbers)
        )
    return buffer.getvalue()


def metrics(evaluation: Evaluation) -> dict[str, float]:
    """`score/<aspect>[/<category>]` of the run, `score/sets/<set>/<aspect>`,
    `score/long_form/…`, `score/<row>/<aspect>` of the rows beside it, and of a guard the share of
    pieces with a fault in their first take and in the kept one (`score/guard/…`)."""
    found = evaluation.cards[RUN].metrics()
    if evaluation.guarded is not None:
        found |= evaluation.guarded.metrics()
    if evaluation.long is not None:
        found |= evaluation.long.metrics()
    for name, scores in _by_set(evaluation).items():
        found |= {f"score/sets/{name}/{aspect}": score for aspect, score in scores.items()}
    for row, card in evaluation.cards.items():
        if row == RUN:
            continue
        wanted = {f"score/{aspect}" for aspect in (*ASPECTS, "overall")}
        scores = {name: value for name, value in card.metrics().items() if name in wanted}
        found |= {name.replace("score/", f"score/{row}/"): score for name, score in scores.items()}
    return found


def summary(evaluation: Evaluation) -> dict[str, object]:
    """Scores and raw values by row, scores by sentence set, the long text: plain data."""
    long = evaluation.long
    return {
        "rows": {row: card.metrics() for row, card in evaluation.cards.items()},
        "sets": _by_set(evaluation),
        "long_form": long.metrics() if long else {},
        "left_out": list(evaluation.left_out),
    }


def _by_set(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Sentence set → aspect → mean score of its clips."""
    clips = evaluation.cards[RUN].clips
    names = dict.fromkeys(clip.sentence_set for clip in clips)
    return {name: _means([c for c in clips if c.sentence_set == name]) for name in names}


def _means(clips: list[ClipScore]) -> dict[str, float]:
    found = {}
    for aspect in ASPECTS:
        scores = [clip.scores[aspect] for clip in clips if aspect in clip.scores]
        if scores:
            found[aspect] = sum(scores) / len(scores)
    return found


def _write_audio(evaluation: Evaluation, folder: Path) -> None:
    """All clips, in a folder that appears whole."""
    clips = [clip for row in evaluation.audio.values() for clip in row]
    clips += [evaluation.long_audio] if evaluation.long_audio else []
    with replacing(folder) as partial:
        for clip in clips:
            write_audio(partial / clip.name, clip.audio, clip.rate)
