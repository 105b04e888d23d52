"""A long text: how well it is understood, beside short ones, and whether the voice stays."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from tests.evaluation.conftest import tone
from xttslab.data.predictors import PredictorMissing
from xttslab.errors import UserError
from xttslab.evaluation import run_scores as long_text
from xttslab.evaluation.evaluation_files import metrics, track_evaluation, write_evaluation
from xttslab.evaluation.recognition import Recognised, Word
from xttslab.evaluation.run_scores import (
    Evaluation,
    EvaluationPlan,
    LongText,
    evaluate,
    hidden_states,
    score_long_text,
    through_codec,
)
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.speaker_similarity import VOICE
from xttslab.evaluation.spoken_clips import RATE, SpokenClip
from xttslab.evaluation.stage_runner import Stopwatch
from xttslab.evaluation.subject import Subject
from xttslab.evaluation.utterances import Sentences
from xttslab.model.generation import generate
from xttslab.model.sampling import Sentence
from xttslab.model.voice import Speaking
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.take_guard import TAKE_SEEDS, Take, TakeJudgement
from xttslab.tracking.run_tracker import RunTracker

TEXT = "Jó estét kívánok!"


@dataclass
class Hearing:
    """Hears these words, or nothing at all for want of a recogniser."""

    words: str | None

    def transcribe(self, audios: list[np.ndarray]) -> list[Recognised]:
        if self.words is None:
            raise PredictorMissing("no recogniser")
        return [Recognised(tuple(Word(f" {word}", 0, 1) for word in self.words.split()))]


def scorer(words: str | None, embeddings: np.ndarray | None) -> SimpleNamespace:
    scoring = SimpleNamespace(language="hu", recogniser=Hearing(words))
    real = SimpleNamespace(
        measured=SimpleNamespace(voices={} if embeddings is None else {VOICE: embeddings})
    )
    return SimpleNamespace(scoring=scoring, real=real)


CLIP = SpokenClip("long.wav", tone(1.0), RATE, TEXT)


def test_the_rate_stands_beside_that_of_short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "voice_drift", lambda audio, real: 0.02)
    found = score_long_text(CLIP, scorer("jó estét", np.eye(2, 256)), short_cer=0.25)
    assert found.cer == pytest.approx(8 / 16)
    assert found.metrics() == {
        "score/long_form/cer": 0.5,
        "score/long_form/cer_ratio": 2.0,
        "score/long_form/drift": 0.02,
        "score/long_form/seconds": 1.0,
    }


def test_flawless_short_texts_make_no_endless_ratio() -> None:
    found = score_long_text(CLIP, scorer("jó estét", None), short_cer=0.0)
    assert found.cer_ratio == pytest.approx(50)


def test_what_cannot_be_measured_is_left_out() -> None:
    found = score_long_text(CLIP, scorer(None, None), short_cer=0.2)
    assert found == LongText(1.0, None, None, None)
    assert found.metrics() == {"score/long_form/seconds": 1.0}


def test_a_text_of_less_than_a_minute_has_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "voice_drift", lambda audio, real: float("nan"))
    assert score_long_text(CLIP, scorer("jó", np.eye(2, 256)), None).drift is None


def test_states_of_given_codes_are_those_of_generated_ones(subject: Subject) -> None:
    speaker = subject.speaker
    latents, _ = speaker.references.prompt("greeting")
    tokens = torch.from_numpy(speaker.tokenizer.encode("Jó estét!", "hu"))
    sentence = Sentence(tokens.tolist(), latents, limit=12)
    spoken = generate(speaker.voice.gpt, [sentence], sampling(greedy=True))[0]
    with torch.no_grad():
        found = hidden_states(speaker.voice, latents, tokens, spoken.codes)
    assert found.shape == (len(spoken.codes) + 1, 64)
    torch.testing.assert_close(found[: len(spoken.latents)], spoken.latents, atol=1e-4, rtol=1e-3)


def test_a_clip_comes_back_as_long_as_it_was(subject: Subject) -> None:
    clip = subject.clips[0]
    again = through_codec(subject.speaker, [clip], Speaking(sampling()))[0]
    assert again.name == "quiz_000.wav"
    assert (again.text, again.category, again.rate) == (clip.text, clip.category, 24_000)
    assert again.seconds == pytest.approx(1.0, abs=0.1)
    assert np.isfinite(again.audio).all()
    assert len(again.codes) == 22


SENTENCES = Sentences(
    "hu",
    "greeting",
    {"greeting": ["Jó estét!", "Szép napot!"], "tension": ["Most."], "anger": ["Elég!"]},
    {"short": ["Nem."]},
    "Ez egy hosszabb szöveg, amelyet több részben mondunk el. " * 3,
)
PLAN = EvaluationPlan(SENTENCES, [7], ["zero_shot", "codec"], Speaking(sampling()))


@pytest.fixture(scope="module")
def evaluation(subject: Subject, quick_scoring: Scoring) -> Evaluation:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    return evaluate(subject, PLAN, quick_scoring, watch=Stopwatch())


def test_all_rows_are_marked_and_what_is_left_out_is_said(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    assert list(evaluation.cards) == ["run", "codec", "real"]  # a base has no base of its own
    assert len(evaluation.cards["run"].clips) == 4
    assert len(evaluation.cards["codec"].clips) == len(evaluation.cards["real"].clips) == 2
    assert evaluation.left_out == ["anger"]
    assert evaluation.long_audio.name == "long_text.wav"
    found = metrics(evaluation)
    assert found["score/long_form/cer"] == evaluation.long.cer
    assert {"score/sets/short/smoothness", "score/codec/smoothness", "score/real/overall"} <= set(
        found
    )
    assert "score/overall/tension" in found


def test_files_are_written_and_read_back(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "old.wav").touch()
    (tmp_path / "precious.csv").touch()
    write_evaluation(evaluation, tmp_path)
    card = json.loads((tmp_path / "scorecard.json").read_text(encoding="utf-8"))
    assert len(Scorecard.from_dict(card).clips) == 4
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["system"] for row in rows] == ["run"] * 4 + ["codec"] * 2 + ["real"] * 2
    audio = sorted(path.name for path in (tmp_path / "audio").iterdir())
    assert "old.wav" not in audio
    assert {"greeting_01_s7.wav", "short_01_s7.wav", "long_text.wav"} <= set(audio)
    assert (tmp_path / "precious.csv").exists()
    assert json.loads((tmp_path / "rows.json").read_text("utf-8"))["left_out"] == ["anger"]


def test_numbers_reach_the_run_and_the_newest_evaluation_counts(
    evaluation: Evaluation, workplace: Path
) -> None:
    run_dir = workplace / "outputs/first"
    tracker = RunTracker.start(run_dir, "first")
    tracker.log_metrics({"eval/mel_ce": 5.0, "score/overall": 1.0}, step=3)
    tracker.finish()
    out = run_dir / "evaluation"
    write_evaluation(evaluation, out)
    assert track_evaluation(evaluation, out, run_dir, 3)
    better = replace(evaluation.cards["run"], overall=replace(evaluation.cards["run"].overall))
    assert track_evaluation(
        replace(evaluation, cards={**evaluation.cards, "run": better}), out, run_dir, None
    )
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [3, 4, 5]
    assert json.loads(lines[1])["evaluation/epoch"] == 3  # of the weights that spoke
    assert "evaluation/epoch" not in json.loads(lines[2])
    assert json.loads(lines[1])["score/overall"] == evaluation.cards["run"].overall.value
    from xttslab.reporting.run_data import run_files
    from xttslab.tracking.runs import find_run

    files = run_files(find_run(str(run_dir)), "")
    assert {"evaluation/scorecard.json", "evaluation/audio/greeting_01_s7.wav"} <= set(files)


def test_a_folder_without_a_run_is_not_tracked(evaluation: Evaluation, tmp_path: Path) -> None:
    assert not track_evaluation(evaluation, tmp_path, None, 3)
    assert not track_evaluation(evaluation, tmp_path, tmp_path, 3)


def test_of_several_takes_the_best_is_scored_and_the_share_of_failures_logged(
    subject: Subject, quick_scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")

    def judge(takes: list[Take]) -> list[TakeJudgement]:
        """Only the third of the takes that are spoken first is right."""
        found = [TakeJudgement(("late",), 10.0 + number) for number in range(len(takes))]
        return [TakeJudgement() if number == 2 else one for number, one in enumerate(found)]

    monkeypatch.setattr("xttslab.evaluation.run_scores.judge_for", lambda *_: judge)
    one = replace(SENTENCES, categories={}, sets={"short": ["Nem."]}, long="")
    plan = EvaluationPlan(one, [7], [], PLAN.settings, takes=3)
    found = evaluate(subject, plan, quick_scoring)
    guarded = metrics(found)
    assert (guarded["score/guard/failed_first"], guarded["score/guard/failed_kept"]) == (1.0, 0.0)
    again = replace(PLAN.settings, seed=7 + 2 * TAKE_SEEDS)
    alone = subject.speaker.speak([SpeechLine("Nem.", again, "greeting")])[0]
    np.testing.assert_array_equal(found.audio["run"][0].audio, alone.decoded)


def test_an_unknown_row_is_refused() -> None:
    with pytest.raises(UserError, match="rows holds 'best'; it may hold zero_shot, codec"):
        EvaluationPlan(SENTENCES, [7], ["best"], Speaking(sampling()))


@pytest.mark.parametrize("seeds", [[], ["a"], [7, -1], [1.5]])
def test_seeds_that_start_no_random_numbers_are_refused(seeds: list) -> None:
    shown = ",".join(map(str, seeds))
    with pytest.raises(UserError, match=rf"seeds=\[{shown}\]: give one or more whole numbers"):
        EvaluationPlan(SENTENCES, seeds, [], Speaking(sampling()))
