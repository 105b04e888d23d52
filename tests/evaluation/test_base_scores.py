"""A base is spoken and scored once for all its runs, and anew where anything else was changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import sampling
from tests.evaluation.conftest import tone
from tests.reporting.cards import voice_card
from xttslab.evaluation import run_scores
from xttslab.evaluation.base_scores import BaseScores, base_scores
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.evaluation.subject import Subject
from xttslab.evaluation.utterances import Utterance
from xttslab.model.voice import Speaking

CARD = voice_card({"naturalness": 7.0}, ["Jó estét!", "Nem."])
CLIPS = [
    SpokenClip(clip.name, tone(0.5), 24_000, clip.text, clip.category, clip.seed, "categories")
    for clip in CARD.clips
]
SAID = [Utterance("greeting_01_s7", "categories", "greeting", "greeting", "Jó estét!", 7)]
SETTINGS = Speaking(sampling())


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    kept = BaseScores(tmp_path / "kept/xtts_v2_0a")
    assert kept.read(CARD) is None
    kept.keep((CARD, CLIPS))
    card, clips = kept.read(CARD)
    assert card == CARD
    assert [clip.name for clip in clips] == [clip.name for clip in CARD.clips]
    np.testing.assert_allclose(clips[0].audio, CLIPS[0].audio, atol=1e-4)


def test_another_recogniser_or_a_damaged_card_asks_for_it_anew(tmp_path: Path, caplog) -> None:
    kept = BaseScores(tmp_path / "kept")
    kept.keep((CARD, CLIPS))
    assert kept.read(replace(CARD, measured_with={"recogniser": "large-v3"})) is None
    (tmp_path / "kept/scorecard.json").write_text("{torn", encoding="utf-8")
    assert kept.read(CARD) is None
    assert "the base is spoken and scored anew" in caplog.text


def of_run(subject: Subject, tmp_path: Path, **model: object) -> Subject:
    config = {
        "model": {"name": "tiny", "folder": str(tmp_path), "files": {"gpt": "a.bin"}, **model},
        "weights": "pretrained",
        "seed": 1,
    }
    checkpoint = tmp_path / "run/checkpoints/best.pth"
    return replace(subject, config=config, checkpoint=checkpoint)


def test_runs_of_one_base_share_it(subject: Subject, tmp_path: Path) -> None:
    def place(of: Subject, said=SAID, scoring: str = "default") -> str:
        return base_scores(tmp_path, of, said, SETTINGS, {"scoring": scoring}).place.name

    first = of_run(subject, tmp_path)
    assert place(first).startswith("tiny_")
    assert place(first) == place(replace(first, name="another"))
    others = {
        place(of_run(subject, tmp_path, dropout=0.1)),
        place(first, [replace(SAID[0], seed=8)]),
        place(first, scoring="other"),
        place(replace(first, clips=first.clips[1:])),
    }
    before = place(first)
    assert len({before, *others}) == 5
    (tmp_path / "a.bin").write_bytes(b"weights")
    assert place(first) != before
    assert base_scores(tmp_path, subject, SAID, SETTINGS, {}) is None  # a base has no base


class _Scorer:
    watch = None
    scoring = None

    def score(self, clips: list[SpokenClip]) -> Scorecard:
        named = zip(CARD.clips, clips, strict=True)
        return replace(CARD, clips=tuple(replace(one, name=clip.name) for one, clip in named))


def test_the_second_run_neither_loads_nor_speaks_it(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = run_scores.EvaluationPlan(None, [7], ["zero_shot"], SETTINGS)
    monkeypatch.setattr(run_scores, "plan_utterances", lambda *_: (SAID, []))
    monkeypatch.setattr(run_scores, "speak_utterances", lambda *_: CLIPS)
    spoken: list[int] = []

    def zero_shot(_: Subject) -> object:
        spoken.append(1)
        return subject.speaker

    monkeypatch.setattr(Subject, "zero_shot", zero_shot)
    kept = BaseScores(tmp_path / "kept")
    for _ in range(2):
        card, clips = run_scores._base_row(subject, plan, _Scorer(), kept, CARD)
        assert card.overall == CARD.overall
        assert len(clips) == len(CLIPS)
    assert spoken == [1]
