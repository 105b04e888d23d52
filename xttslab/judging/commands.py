"""The configuration of an evaluation or a search in; files, metrics, lines on screen out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate

from xttslab.errors import UserError
from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.references import real_clips
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.evaluation.tables import end_lines
from xttslab.judging.configured import others_of, plan_of, sentences_of, subject_of
from xttslab.judging.keeping import track_evaluation, track_search, write_evaluation
from xttslab.judging.rows import evaluate
from xttslab.judging.screen import evaluation_lines, winner_lines
from xttslab.judging.search import candidate_groups, chosen_of, search
from xttslab.judging.takes import Order, speak_takes
from xttslab.model.lineage import epoch_of

if TYPE_CHECKING:
    from omegaconf import DictConfig


def judge_run(config: DictConfig) -> None:
    """Speak the sentences with a run's voice, or a base's, and score them."""
    watch = Stopwatch()
    others = others_of(config)
    with watch.stage("load"):
        subject = subject_of(config)
    plan = plan_of(config, subject.speaker.language)
    scoring = instantiate(config.evaluation.scoring)
    evaluation = evaluate(subject, plan, scoring, others, watch)
    folder = (subject.run_dir or Path("outputs") / subject.name) / "evaluation"
    out = Path(config.out) if config.out else folder
    with watch.stage("write"):
        write_evaluation(evaluation, out)
        epoch = epoch_of(subject.checkpoint) if subject.checkpoint else None
        tracked = track_evaluation(evaluation, out, subject.run_dir, epoch)
    _say([*evaluation_lines(evaluation), *end_lines(watch, out, tracked)])


def search_references(config: DictConfig) -> None:
    """Find the recording and temperature that each category of a run speaks best with."""
    watch = Stopwatch()
    with watch.stage("load"):
        subject = subject_of(config)
    if subject.run_dir is None:
        raise UserError(f"{config.run}: is no run's folder, so the winners cannot be kept there")
    sentences = sentences_of(config, subject.speaker.language)
    plan, settings = instantiate(config.search_plan), instantiate(config.settings)
    usual = subject.usual_references()
    groups = candidate_groups(subject.clips, sentences, usual, settings, plan)
    with watch.stage("read"):
        real = real_clips(subject.clips)
    scoring = instantiate(config.evaluation.scoring)
    scorer = Scorer(real.held_out, scoring, others_of(config), real.all, watch=watch)

    def speak(orders: Sequence[Order]) -> list[SpokenClip]:
        with watch.stage("speak"):
            return speak_takes(subject.speaker, orders)

    rankings = search(groups, sentences, plan, settings, speak, scorer.score)
    out = track_search(rankings, chosen_of(rankings), subject.run_dir)
    _say([*winner_lines(rankings), *end_lines(watch, out, True)])


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)
