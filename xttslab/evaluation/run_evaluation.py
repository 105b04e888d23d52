"""Evaluates a run or searches its references, as `python -m xttslab.evaluate` is configured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from xttslab.errors import UserError
from xttslab.evaluation.base_scores import base_scores
from xttslab.evaluation.card_output import card_lines, end_lines
from xttslab.evaluation.evaluation_files import track_evaluation, track_search, write_evaluation
from xttslab.evaluation.folder_scores import read_clips
from xttslab.evaluation.other_systems import read_systems, require_systems
from xttslab.evaluation.reference_search import Ranked, candidate_groups, chosen_of, search
from xttslab.evaluation.run_scores import Evaluation, EvaluationPlan, LongText, evaluate
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.spoken_clips import SpokenClip, real_clips
from xttslab.evaluation.stage_runner import Stopwatch
from xttslab.evaluation.subject import Subject, subject_of_base, subject_of_run
from xttslab.evaluation.utterances import (
    Order,
    Sentences,
    plan_utterances,
    read_sentences,
    speak_utterances,
)
from xttslab.model.base import epoch_of

if TYPE_CHECKING:
    from omegaconf import DictConfig


def evaluate_run(config: DictConfig) -> None:
    """Speak the sentences with a run's voice, or a base's, and score them."""
    watch = Stopwatch()
    other_speakers = other_speakers_of(config)
    with watch.stage("load"):
        subject = subject_of(config)
    plan = plan_of(config, subject.speaker.language)
    scoring = instantiate(config.evaluation.scoring)
    utterances, _ = plan_utterances(plan.sentences, subject.speaker.categories, plan.seeds)
    with watch.stage("read"):
        systems = read_systems(systems_of(config), utterances, scoring.language)
    kept = None
    if config.base_scores:
        place = Path(config.base_scores)
        told = plain(config.evaluation) | {"takes": plan.takes}
        kept = base_scores(place, subject, utterances, plan.settings, told, other_speakers)
    evaluation = evaluate(subject, plan, scoring, other_speakers, watch, systems, kept)
    folder = (subject.run_dir or Path("outputs") / subject.name) / "evaluation"
    out = Path(config.out) if config.out else folder
    with watch.stage("write"):
        write_evaluation(evaluation, out)
        epoch = epoch_of(subject.checkpoint) if subject.checkpoint else None
        tracked = track_evaluation(evaluation, out, subject.run_dir, epoch)
    print("\n".join([*evaluation_lines(evaluation), *end_lines(watch, out, tracked)]))


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
    scorer = Scorer(real.held_out, scoring, other_speakers_of(config), real.all, watch=watch)

    def speak(orders: Sequence[Order]) -> list[SpokenClip]:
        with watch.stage("speak"):
            return speak_utterances(subject.speaker, orders)

    rankings = search(groups, sentences, plan, settings, speak, scorer.score)
    out = track_search(rankings, chosen_of(rankings), subject.run_dir)
    print("\n".join([*winner_lines(rankings), *end_lines(watch, out, True)]))


def subject_of(config: DictConfig) -> Subject:
    """The run, or else the base beside a data set."""
    dataset = plain(config.dataset) if config.get("dataset") else None
    if config.run:
        subject = subject_of_run(config.run, config.tracking.uri, dataset)
    else:
        subject = subject_of_base(plain(config.model), config.weights, dataset)
    subject.speaker.to(config.device)
    return subject


def sentences_of(config: DictConfig, language: str) -> Sentences:
    """The configured sentences, which must be in the voice's language."""
    return read_sentences(plain(config.sentences), language)


def plan_of(config: DictConfig, language: str) -> EvaluationPlan:
    """The plan of an evaluation, as configured."""
    return EvaluationPlan(
        sentences_of(config, language),
        several(config.seeds),
        several(config.rows),
        instantiate(config.settings),
        config.takes,
    )


def other_speakers_of(config: DictConfig) -> list[SpokenClip]:
    """Recordings of other speakers, where a folder of them is named."""
    return read_clips(Path(config.other_speakers)) if config.other_speakers else []


def systems_of(config: DictConfig) -> dict[str, Path]:
    """Name → folder of every other system that is to stand beside the run."""
    return require_systems(several(config.others))


def several(given: Any) -> list[Any]:
    """The entries of an option that takes a list, or a single one without brackets."""
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def plain(config: DictConfig) -> dict[str, Any]:
    """A part of the configuration as dictionaries and lists."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """All scores, the long text, and the categories that were not spoken."""
    lines = card_lines(evaluation.cards)
    if evaluation.long is not None:
        lines.append(_long_line(evaluation.long))
    if evaluation.guarded is not None:
        lines += evaluation.guarded.report()
    reason = "the data has no clip of it to speak after"
    return [*lines, *(f"left out: {category} ({reason})" for category in evaluation.left_out)]


def winner_lines(rankings: Sequence[Sequence[Ranked]]) -> list[str]:
    """One line a category: its score, the gain over the usual clip, the recording, temperature."""
    return [_winner_line(ranking[0]) for ranking in rankings]


def _long_line(long: LongText) -> str:
    parts = []
    if long.cer is not None:
        parts.append(f"{long.cer:.0%} of the letters misheard")
    if long.cer_ratio is not None:
        parts.append(f"{long.cer_ratio:.1f} times as many as in short texts")
    if long.drift is not None:
        parts.append(f"drift of the voice {long.drift:.3f}")
    return f"long text: {long.seconds:.0f} s, {', '.join(parts) or 'not measured'}"


def _winner_line(first: Ranked) -> str:
    gain, one = first.gain, first.candidate
    over = "the usual way stays the best"
    if gain is not None:
        chance = "" if gain.low > 0 else ", within chance"
        over = f"{gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f}{chance})"
    recording = f"{one.recording.name} at temperature {one.temperature:g}"
    return f"{one.category:<14}{first.score:4.1f}  {over}: {recording}"
