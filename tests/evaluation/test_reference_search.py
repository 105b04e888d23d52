"""The search for references, with a voice whose scores are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_clips, sampling
from tests.reporting.cards import card
from xttslab.errors import UserError
from xttslab.evaluation.reference_search import (
    ReferenceCandidate,
    SearchPlan,
    candidates,
    chosen_of,
    search,
)
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.evaluation.utterances import Order, Sentences
from xttslab.model.voice import Speaking

SENTENCES = Sentences("hu", "", {"greeting": ["a", "b", "c"], "tension": ["d", "e"]}, {}, "")
PLAN = SearchPlan(recordings=3, temperatures=[0.65, 0.75, 0.85], sentences=2, seeds=[7, 8])
MARKS = {"usual.wav": 5.0, "good.wav": 7.0, "bad.wav": 2.0}


class Voice:
    """Speaks at the level of its score: by the recording, and best at temperature 0.65."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def speak(self, orders: Sequence[Order]) -> list[SpokenClip]:
        self.orders += orders
        return [
            SpokenClip(
                f"{order.utterance.name}.wav",
                np.full(8, self._score(order), np.float32),
                16_000,
                order.utterance.text,
            )
            for order in orders
        ]

    def _score(self, order: Order) -> float:
        return MARKS[order.recording.name] - 4 * (order.settings.sampling.temperature - 0.65)

    def score(self, clips: Sequence[SpokenClip]) -> Scorecard:
        from dataclasses import replace

        made = card([clip.text for clip in clips], np.array([c.audio[0] for c in clips], float))
        named = (replace(o, name=c.name) for o, c in zip(made.clips, clips, strict=True))
        return replace(made, clips=tuple(named))


def group(category: str) -> list[ReferenceCandidate]:
    return [ReferenceCandidate(category, Path(name), 0.75) for name in MARKS]


def test_the_best_recording_at_its_best_temperature_wins() -> None:
    voice = Voice()
    rankings = search(
        [group("greeting"), group("tension")],
        SENTENCES,
        PLAN,
        Speaking(sampling()),
        voice.speak,
        voice.score,
    )
    chosen = chosen_of(rankings)
    assert chosen["greeting"].recordings == (Path("good.wav"),)
    assert chosen["tension"].temperature == 0.65
    assert chosen["tension"].score == pytest.approx(7.0, abs=1e-5)
    first, *_, last = rankings[0]
    assert first.gain.value == pytest.approx(2.4, abs=1e-5)
    assert last.candidate.recording == Path("bad.wav")
    assert [one.gain for one in rankings[0]].count(None) == 1


def test_only_the_best_recording_is_spoken_at_other_temperatures() -> None:
    voice = Voice()
    search([group("greeting")], SENTENCES, PLAN, Speaking(sampling()), voice.speak, voice.score)
    spoken = {(o.recording.name, o.settings.sampling.temperature) for o in voice.orders}
    assert spoken == {(name, 0.75) for name in MARKS} | {("good.wav", 0.65), ("good.wav", 0.85)}
    assert len(voice.orders) == 5 * 2 * 2  # two sentences, two seeds


def test_candidates_are_training_clips_with_the_usual_one_first(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, "set", ["greeting", "tension"])
    held = {clip.audio for clip in clips if clip.split == "eval"}
    usual = [clip.audio for clip in clips if clip.split == "train"][1]
    found = candidates(clips, "greeting", usual, 0.75, most=3)
    assert found[0] == ReferenceCandidate("greeting", usual, 0.75)
    assert len({one.recording for one in found}) == 3
    assert not held & {one.recording for one in found}
    assert {one.recording.stem for one in found} <= {f"{n:03d}" for n in range(5)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recordings": 0}, "search_plan.recordings=0: must be 1 or more"),
        ({"temperatures": []}, "leaves nothing to try"),
        ({"temperatures": [0.0]}, "search_plan.temperatures=0.0: give a number from 0.01 to 2"),
        ({"temperatures": ["x"]}, "search_plan.temperatures=x: give a number from 0.01 to 2"),
        ({"seeds": 7}, r"search_plan.seeds=7: give a list, such as \[7\]"),
    ],
)
def test_a_search_for_nothing_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchPlan(**{**vars(PLAN), **change})
