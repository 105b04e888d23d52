"""Scores of an epoch's samples are logged, kept, and can choose the checkpoint; none fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile as sf

from tests.conftest import make_clips, sampling
from xttslab.errors import UserError
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.model.voice import Speaking
from xttslab.text.lexicon import Lexicon
from xttslab.tracking.gallery import SampleSentence
from xttslab.tracking.records import NullTracker
from xttslab.training import samples as scoring
from xttslab.training.metrics import SELECTION, Selection
from xttslab.training.run import train
from xttslab.training.samples import EpochScores, SamplePlan, SpokenSamples

SCORED = (
    "samples.every_n_epochs=2",
    "samples.score_every_n_epochs=1",
    "trainer.max_epochs=3",
    f"checkpoint.monitor={SELECTION}",
    "checkpoint.selection.nats_per_score=10.0",  # the scores decide
    "checkpoint.selection.score=score/naturalness",
)


class KnownScores:
    """A scorer whose naturalness is best at epoch 2, and which fails at epoch 3."""

    def __init__(self, clips: Sequence[object], settings: object) -> None:
        self.clips = clips

    def score(self, samples: Sequence[SpokenClip]) -> SimpleNamespace:
        assert len(samples) == 14
        epoch = int(samples[2].name.removeprefix("epoch_").removesuffix("/03_greeting"))
        if epoch == 3:
            raise MemoryError
        scores = {"score/naturalness": [2.0, 3.0, 9.0][epoch], "score/naturalness/greeting": 5.0}
        return SimpleNamespace(metrics=lambda: scores, to_dict=lambda: {"epoch": epoch})


def test_marks_are_logged_and_choose_the_checkpoint(
    workplace: Path, tiny, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    monkeypatch.setattr(scoring, "SampleScorer", KnownScores)
    best = train(tiny("run_name=scored", *SCORED))
    run = Path("outputs/scored")
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["epoch"]: row for row in map(json.loads, lines)}
    assert [rows[epoch].get("score/naturalness") for epoch in range(4)] == [2.0, 3.0, 9.0, None]
    assert rows[1]["score/naturalness/greeting"] == 5.0
    assert rows[2][SELECTION] == pytest.approx(rows[2]["eval/mel_ce"] - 90)
    assert rows[3][SELECTION] == pytest.approx(rows[3]["eval/mel_ce"])  # not measured: loss alone
    assert best == pytest.approx(rows[2][SELECTION])
    kept = json.loads((run / "checkpoints/checkpoints.json").read_text(encoding="utf-8"))
    assert [entry["epoch"] for entry in kept["best_first"]] == [2]
    assert json.loads((run / "samples/epoch_001/scorecard.json").read_text("utf-8")) == {"epoch": 1}
    assert "epoch_003: not scored (MemoryError)" in caplog.text


def test_the_best_epoch_is_marked_in_the_end(
    workplace: Path, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = SimpleNamespace(metrics=lambda: {"score/naturalness": 5.0}, to_dict=dict)
    scorer = SimpleNamespace(score=lambda samples: scores)
    monkeypatch.setattr(scoring, "SampleScorer", lambda clips, settings: scorer)
    options = ("samples.every_n_epochs=1", "samples.score_every_n_epochs=9", "optim.lr=5e-2")
    train(tiny("run_name=best", *options, "trainer.max_epochs=4", "checkpoint.patience=0"))
    run = Path("outputs/best")
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["epoch"]: row for row in map(json.loads, lines)}
    best = min(range(1, 5), key=lambda epoch: rows[epoch]["eval/mel_ce"])
    assert best < 4  # the rate is too high, and the last epoch is scored anyway
    scored = [epoch for epoch, row in sorted(rows.items()) if "score/naturalness" in row]
    assert scored == [0, best, 4]
    cards = sorted(path.parent.name for path in run.glob("samples/*/scorecard.json"))
    assert cards == [f"epoch_{epoch:03d}" for epoch in scored]


def test_choosing_by_marks_needs_marks(workplace: Path, tiny) -> None:
    with pytest.raises(UserError, match=r"needs scores.*set samples.every_n_epochs"):
        train(tiny("run_name=odd", *SCORED, "samples.score_every_n_epochs=0"))


def test_sources_narrow_what_is_marked_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "SampleScorer", KnownScores)
    clips = [
        *make_clips(tmp_path / "a", "milliomos", ["greeting"], each=2),
        *make_clips(tmp_path / "b", "blikk", ["neutral"], each=2),
    ]
    chosen = Selection("eval/mel_ce", "score/overall", 0.1)
    scores = EpochScores(clips, ["milliomos"], None, 5, chosen)
    assert {clip.source for clip in scores.scorer.clips} == {"milliomos"}
    assert [epoch for epoch in range(13) if scores.due(epoch, 12)] == [0, 5, 10, 12]
    with pytest.raises(UserError, match="'vago' is no source of this data set; it has blikk, mil"):
        EpochScores(clips, ["vago"], None, 5, chosen)


def test_samples_are_spoken_before_training_and_every_n_epochs(workplace: Path, tiny) -> None:
    train(tiny("run_name=said", "samples.every_n_epochs=2", "trainer.max_epochs=3"))
    folder = Path("outputs/said/samples")
    assert sorted(p.name for p in folder.glob("epoch_*")) == ["epoch_000", "epoch_002", "epoch_003"]
    names = sorted(path.name for path in (folder / "epoch_002").iterdir())
    assert len(names) == 14
    assert names[2] == "03_greeting.wav"
    assert names[9] == "10_tension.wav"
    info = sf.info(folder / "epoch_002/03_greeting.wav")
    assert (info.samplerate, info.channels) == (24_000, 1)
    assert info.frames > 0
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Nagyszerű teljesítmény!" in page
    assert len(page) > 3 * 14 * 3_000  # the audio is in the page itself


def test_the_page_says_whose_samples_they_are_and_in_which_language(tmp_path: Path) -> None:
    samples = object.__new__(SpokenSamples)  # without a model
    sentence = SampleSentence("01_neutral", "neutral", "Good day.")
    samples.plan = SamplePlan((sentence,), {}, Speaking(sampling()), 1, "en", Lexicon())
    samples.folder, samples.tracker = tmp_path / "english/samples", NullTracker()
    samples.losses, samples.monitor = {}, "eval/mel_ce"
    (samples.folder / "epoch_000").mkdir(parents=True)
    samples._write_page()
    page = (samples.folder / "index.html").read_text(encoding="utf-8")
    assert "<title>Samples of english, epoch by epoch</title>" in page
    assert 'lang="en" class="first">Good day.' in page


def test_the_page_marks_the_epoch_that_the_best_checkpoint_is_of(workplace: Path, tiny) -> None:
    spoken = ("run_name=watched", "samples.every_n_epochs=1")
    train(tiny(*spoken, "checkpoint.monitor=eval/milliomos/mel_ce"))
    page = Path("outputs/watched/samples/index.html").read_text(encoding="utf-8")
    assert "eval/<wbr>milliomos/<wbr>mel_<wbr>ce" in page
    assert page.count(" best</small>") == 1


def test_samples_do_not_change_what_is_learned(workplace: Path, tiny) -> None:
    silent = train(tiny("run_name=silent"))
    spoken = train(tiny("run_name=spoken", "samples.every_n_epochs=1"))
    assert silent == spoken


def test_a_sentence_the_model_has_no_room_for_is_named_before_training(
    workplace: Path, tiny
) -> None:
    config = tiny("run_name=long", "samples.every_n_epochs=1")
    config.samples.sentences = [{"category": "neutral", "text": "Hosszú mondat " * 100}]
    with pytest.raises(UserError, match=r"samples.sentences: 'Hosszú .*'… has \d+ tokens, this mo"):
        train(config)
    assert not list(Path("outputs/long/checkpoints").glob("*"))
