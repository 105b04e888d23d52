"""Searches the reference recording and temperature that each category of a run speaks best with.

First every candidate recording speaks a few sentences of its category at the usual temperature,
then the best recording speaks them at every temperature. Candidates are training clips near six
seconds; the scores are read against held-out ones, so no candidate is compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xttslab.data.audio import read_seconds
from xttslab.data.corpus import reference_order
from xttslab.data.manifest import TRAIN, Clip
from xttslab.errors import UserError
from xttslab.evaluation.scales import Interval, paired_difference
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.evaluation.utterances import Order, Sentences, Utterance
from xttslab.model.setting_ranges import NumberRange, require_number
from xttslab.model.voice import Speaking
from xttslab.speaking.chosen import Chosen

_TEMPERATURES = NumberRange(0.01, 2)
Speak = Callable[[Sequence[Order]], Sequence[SpokenClip]]
Score = Callable[[Sequence[SpokenClip]], Scorecard]


@dataclass(frozen=True)
class SearchPlan:
    """How far to search: recordings a category, temperatures, sentences a category, seeds."""

    recordings: int
    temperatures: Sequence[float]
    sentences: int
    seeds: Sequence[int]

    def __post_init__(self) -> None:
        for name in ("recordings", "sentences"):
            if getattr(self, name) < 1:
                raise UserError(f"search_plan.{name}={getattr(self, name)}: must be 1 or more")
        for name in ("temperatures", "seeds"):
            given = getattr(self, name)
            if not isinstance(given, (list, tuple)):
                raise UserError(f"search_plan.{name}={given}: give a list, such as [{given}]")
            if not given:
                raise UserError(f"search_plan.{name}=[] leaves nothing to try; give one or more")
        for value in self.temperatures:
            require_number("search_plan.temperatures", value, _TEMPERATURES)


@dataclass(frozen=True)
class ReferenceCandidate:
    """One way to speak a category."""

    category: str
    recording: Path
    temperature: float


@dataclass(frozen=True)
class Ranked:
    """A candidate with its mean score out of 10; `gain` is over the category's usual way (the
    typical clip at the usual temperature), None for that itself."""

    candidate: ReferenceCandidate
    score: float
    gain: Interval | None


def candidates(
    clips: Sequence[Clip], category: str, usual: Path, temperature: float, most: int
) -> list[ReferenceCandidate]:
    """The category's training clips nearest to six seconds, at most `most`; `usual` comes first."""
    own = [clip.audio for clip in clips if clip.split == TRAIN and clip.category == category]
    near = reference_order(range(len(own)), [read_seconds(path) for path in own])
    paths = [usual, *(own[row] for row in near if own[row] != usual)]
    return [ReferenceCandidate(category, path, temperature) for path in paths[:most]]


def candidate_groups(
    clips: Sequence[Clip],
    sentences: Sentences,
    usual: Mapping[str, Path],
    settings: Speaking,
    plan: SearchPlan,
) -> list[list[ReferenceCandidate]]:
    """The candidates of every category that has sentences and a usual reference.

    Raises UserError when there is no such category.
    """
    temperature = settings.sampling.temperature
    groups = [
        candidates(clips, name, usual[name], temperature, plan.recordings)
        for name, texts in sentences.categories.items()
        if texts and usual.get(name)
    ]
    if not groups:
        known = ", ".join(sorted(usual)) or "none"
        raise UserError(f"no category of the data has sentences to try; the data has {known}")
    return groups


def search(
    groups: Sequence[Sequence[ReferenceCandidate]],
    sentences: Sentences,
    plan: SearchPlan,
    settings: Speaking,
    speak: Speak,
    score: Score,
) -> list[list[Ranked]]:
    """Rank the candidates of every category, best first; a group's first candidate is the usual
    way. `speak` and `score` do the work, all categories at once."""
    scores = _try(
        [one for group in groups for one in group], sentences, plan, settings, speak, score
    )
    best = [max(group, key=lambda one: _mean(scores[one])) for group in groups]
    varied = [
        replace(one, temperature=value)
        for one in best
        for value in plan.temperatures
        if value != one.temperature
    ]
    if varied:
        scores |= _try(varied, sentences, plan, settings, speak, score)
    return [_ranking(group, [one for one in varied if one.category == group[0].category], scores)
            for group in groups]  # fmt: skip


def chosen_of(rankings: Sequence[Sequence[Ranked]]) -> dict[str, Chosen]:
    """The first of every ranking, as a run keeps it."""
    firsts = [ranking[0] for ranking in rankings]
    return {
        first.candidate.category: Chosen(
            (first.candidate.recording,), first.candidate.temperature, first.score
        )
        for first in firsts
    }


def _ranking(
    group: Sequence[ReferenceCandidate],
    varied: Sequence[ReferenceCandidate],
    scores: dict[ReferenceCandidate, np.ndarray],
) -> list[Ranked]:
    usual = group[0]
    ranked = [
        Ranked(one, _mean(scores[one]), None if one == usual else _gain(scores[usual], scores[one]))
        for one in (*group, *varied)
    ]
    return sorted(ranked, key=lambda one: -one.score)


def _try(
    tried: Sequence[ReferenceCandidate],
    sentences: Sentences,
    plan: SearchPlan,
    settings: Speaking,
    speak: Speak,
    score: Score,
) -> dict[ReferenceCandidate, np.ndarray]:
    """Candidate → the scores of its utterances, (sentences · seeds,), NaN where there is none."""
    orders: list[Order] = []
    for number, one in enumerate(tried):
        sampling = replace(settings.sampling, temperature=one.temperature)
        texts = sentences.categories[one.category][: plan.sentences]
        orders += [
            Order(
                Utterance(f"{number:03d}_{place}_s{seed}", "search", one.category, "", text, seed),
                replace(settings, sampling=sampling),
                one.recording,
            )
            for place, text in enumerate(texts)
            for seed in plan.seeds
        ]
    card = score(speak(orders))
    found: dict[ReferenceCandidate, np.ndarray] = {}
    for number, one in enumerate(tried):
        own = [clip.score for clip in card.clips if clip.name.startswith(f"{number:03d}_")]
        found[one] = np.array([np.nan if score is None else score for score in own], dtype=float)
    return found


def _mean(scores: np.ndarray) -> float:
    known = scores[~np.isnan(scores)]
    if not len(known):
        raise UserError("nothing could be measured, so no reference is better; see `not measured`")
    return float(known.mean())


def _gain(usual: np.ndarray, other: np.ndarray) -> Interval:
    return paired_difference(usual, other, [str(place) for place in range(len(usual))])
