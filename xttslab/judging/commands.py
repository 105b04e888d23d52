"""The configuration of `python -m xttslab.evaluate` in; files, metrics and lines on screen out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from xttslab.errors import UserError
from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.folders import read_clips
from xttslab.evaluation.long_text import LongText
from xttslab.evaluation.references import real_clips
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.stopwatch import Stopwatch
from xttslab.evaluation.tables import (
    marks_table,
    missing_lines,
    sample_lines,
    write_card,
    write_clips,
)
from xttslab.judging.keeping import track_evaluation, track_search, write_evaluation
from xttslab.judging.rows import Plan, evaluate
from xttslab.judging.search import candidates, chosen_of, search
from xttslab.judging.sentences import read_sentences
from xttslab.judging.subject import Subject, subject_of_base, subject_of_run
from xttslab.judging.takes import speak_takes

if TYPE_CHECKING:
    from omegaconf import DictConfig


def judge_run(config: DictConfig) -> None:
    """Speak the sentences with a run's voice, or a base's, and score them."""
    watch = Stopwatch()
    with watch.stage("load"):
        subject = _subject(config)
    plan = Plan(
        read_sentences(_plain(config.sentences), subject.speaker.language),
        list(config.seeds),
        list(config.zero_shot_seeds),
        list(config.rows),
        instantiate(config.settings),
    )
    scoring = instantiate(config.evaluation.scoring)
    evaluation = evaluate(subject, plan, scoring, _others(config), watch)
    out = _folder(config, subject)
    with watch.stage("write"):
        write_evaluation(evaluation, out)
        tracked = track_evaluation(evaluation, out, subject.run_dir)
    _say_card(evaluation.cards)
    for line in _long_lines(evaluation.long):
        print(line)
    for category in evaluation.left_out:
        print(f"left out: {category} (the data has no clip of it to speak after)")
    _say_end(watch, out, tracked)


def judge_folder(config: DictConfig) -> None:
    """Score a folder of recordings of any system, as a table."""
    if not config.references:
        raise UserError(
            "clips= needs references=DIR: real recordings of the speaker, which marks are read "
            "against"
        )
    if config.run:
        raise UserError("give run= or clips=, not both: clips= scores recordings as they are")
    watch = Stopwatch()
    with watch.stage("read"):
        clips = read_clips(_path(config.clips), _path(config.texts) if config.texts else None)
        references = read_clips(_path(config.references))
    scoring = instantiate(config.evaluation.scoring)
    card = Scorer(references, scoring, _others(config), watch=watch).score(clips)
    out = _path(config.out or "scores.csv")
    out = out / "scores.csv" if out.is_dir() else out
    write_clips(out, {"clips": card})
    write_card(out.with_suffix(".json"), card)
    _say_card({"clips": card})
    _say_end(watch, out, False)


def search_references(config: DictConfig) -> None:
    """Find the recording and temperature that each category of a run speaks best with."""
    if not config.run:
        raise UserError("search=references needs run=RUN, whose folder keeps the winners")
    watch = Stopwatch()
    with watch.stage("load"):
        subject = _subject(config)
    if subject.run_dir is None:
        raise UserError(f"{config.run}: is no run's folder, so the winners cannot be kept there")
    sentences = read_sentences(_plain(config.sentences), subject.speaker.language)
    plan, settings = instantiate(config.search_plan), instantiate(config.settings)
    with watch.stage("read"):
        real = real_clips(subject.clips)
    scorer = Scorer(
        real.held_out, instantiate(config.evaluation.scoring), _others(config), real.all,
        watch=watch,
    )  # fmt: skip

    def speak(orders: Sequence[Any]) -> list[SpokenClip]:
        with watch.stage("speak"):
            return speak_takes(subject.speaker, orders)

    usual = subject.usual_references()
    groups = [
        candidates(
            subject.clips, name, usual[name][0], settings.sampling.temperature, plan.recordings
        )
        for name in sentences.categories
        if name in usual
    ]
    if not groups:
        raise UserError(f"{config.run}: its data has no category that there are sentences of")
    rankings = search(groups, sentences, plan, settings, speak, scorer.score)
    file = track_search(rankings, chosen_of(rankings), subject.run_dir)
    for ranking in rankings:
        first = ranking[0]
        over = "the usual clip"
        if first.gain is not None:
            over = f"{first.gain.value:+.1f} ({first.gain.low:+.1f} to {first.gain.high:+.1f})"
        one = first.candidate
        print(f"{one.category:<14}{first.mark:4.1f}  {over}  {one.recording.name} at "
              f"temperature {one.temperature:g}")  # fmt: skip
    _say_end(watch, file, True)


def _subject(config: DictConfig) -> Subject:
    dataset = _plain(config.dataset) if config.get("dataset") else None
    if config.run:
        return subject_of_run(config.run, config.tracking.uri, dataset)
    return subject_of_base(_plain(config.model), config.weights, dataset)


def _others(config: DictConfig) -> list[SpokenClip]:
    return read_clips(_path(config.others)) if config.others else []


def _folder(config: DictConfig, subject: Subject) -> Path:
    if config.out:
        return _path(config.out)
    return (subject.run_dir or Path("outputs") / subject.name) / "evaluation"


def _say_card(cards: Mapping[str, Scorecard]) -> None:
    first = next(iter(cards.values()))
    for line in (*marks_table(cards), *missing_lines(first), *sample_lines(first)):
        print(line)


def _long_lines(long: LongText | None) -> list[str]:
    if long is None:
        return []
    known = {
        "of the letters misheard": None if long.cer is None else f"{long.cer:.0%}",
        "times the errors of short texts": long.cer_ratio and f"{long.cer_ratio:.1f}",
        "drift of the voice": None if long.drift is None else f"{long.drift:.3f}",
    }
    found = ", ".join(f"{value} {name}" for name, value in known.items() if value is not None)
    return [f"long text: {long.seconds:.0f} s, {found or 'not measured'}"]


def _say_end(watch: Stopwatch, out: Path, tracked: bool) -> None:
    for line in watch.lines():
        print(line)
    print(f"{'scores':<12}{out}{', and in MLflow' if tracked else ''}")


def _path(given: str) -> Path:
    return Path(given).expanduser()


def _plain(config: DictConfig) -> dict[str, Any]:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)
