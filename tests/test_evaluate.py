"""`python -m xttslab.evaluate`: folders of any system scored, and one line for every bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY_MODEL, make_clips
from tests.evaluation.conftest import patch_predictors, tone
from tests.processes import Command
from xttslab.data import speaker_encoders
from xttslab.data.audio import write_audio
from xttslab.data.predictors import PredictorMissing
from xttslab.errors import UserError
from xttslab.evaluate import main
from xttslab.evaluation import measuring, naturalness, recognition
from xttslab.evaluation.run_evaluation import plan_of, systems_of
from xttslab.evaluation.spoken_clips import RATE

QUICK = ["evaluation.scoring.bootstrap=20", "rows=[codec]", "seeds=[7]"]
FEW = [
    "sentences.categories={greeting: ['Jó estét!'], tension: ['Most.']}",  # joins the shipped ones
    "sentences.sets={short: ['Nem.']}",
    "~sentences.sets.numbers",
    "~sentences.sets.unseen",
    "sentences.long=",
]


@pytest.fixture
def evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose: Callable[..., Any]
) -> Callable[..., None]:
    """The command in an empty current folder, as Hydra composes it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, folder in (("theirs", "theirs"), ("real", "real")):
        for number in range(3):
            write_audio(
                tmp_path / folder / f"{name}{number}.wav", tone(0.8, 100 + 9 * number), RATE
            )

    return lambda *overrides: main(compose(*overrides, name="evaluate"))


@pytest.fixture
def no_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody installed the extra `eval`."""

    def missing(*_: object) -> None:
        raise PredictorMissing("it cannot be imported; run `pip install it`")

    for module, loader in (
        (speaker_encoders, "_encoder"),
        (speaker_encoders, "_campplus"),
        (naturalness, "_distillmos"),
        (recognition, "_pipeline"),
    ):
        monkeypatch.setattr(module, loader, missing)
    monkeypatch.setattr(measuring, "describe", missing)
    monkeypatch.setattr(measuring, "find_defects", missing)


@pytest.fixture
def simple(no_predictor: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the speaker measure and DistillMOS exist, and cost nothing."""
    patch_predictors(monkeypatch)


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.usefixtures("simple")
def test_any_folder_is_scored_as_a_table(evaluate: Callable[..., None], capsys: Any) -> None:
    Path("texts.csv").write_text("audio_file,text\ntheirs0.wav,Jó napot!\n", encoding="utf-8")
    evaluate("clips=theirs", "references=real", "texts=texts.csv", "out=scores.csv", QUICK[0])
    table = rows("scores.csv")
    assert [row["audio_file"] for row in table] == [f"theirs{n}.wav" for n in range(3)]
    assert table[0]["text"] == "Jó napot!"
    assert float(table[0]["speaker_similarity"]) > 0.9
    assert {"cer", "distillmos", "score_voice_similarity", "score_pronunciation"} <= set(table[0])
    assert json.loads(Path("scores.json").read_text(encoding="utf-8"))["version"] == "3"
    shown = capsys.readouterr().out
    assert "speaker " in shown
    assert "CPU s" in shown
    assert "scores      scores.csv" in shown


@pytest.mark.usefixtures("no_predictor")
def test_missing_predictors_are_said_and_fail_nothing(
    evaluate: Callable[..., None], capsys: Any
) -> None:
    evaluate("clips=theirs", "references=real", QUICK[0])
    shown = capsys.readouterr().out
    assert "not measured: naturalness (it cannot be imported; run `pip install it`)" in shown
    assert "not measured: voice similarity (it cannot be imported" in shown
    assert rows("scores.csv")[0]["score_naturalness"] == ""


@pytest.mark.usefixtures("simple")
def test_a_base_is_judged_beside_a_data_set(evaluate: Callable[..., None], capsys: Any) -> None:
    make_clips(Path("data/milliomos"), "milliomos", ["greeting", "tension"])
    evaluate("dataset=milliomos", *TINY_MODEL, *QUICK, *FEW, "out=judged")
    assert len(rows("judged/scores.csv")) == 3 + 2 + 2
    assert Path("judged/audio/greeting_01_s7.wav").is_file()
    assert json.loads(Path("judged/scorecard.json").read_text("utf-8"))["overall"]
    shown = capsys.readouterr().out
    assert "out of 10         run               codec             real" in shown
    assert "speak  " in shown


@pytest.mark.usefixtures("no_predictor")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["run=nobody"], "no run yet: .*mlflow.db does not exist; train first"),
        ([], "evaluate what\\? give run=RUN, or clips=DIR"),
        (["clips=theirs"], "clips= needs references=DIR"),
        (["clips=none", "references=real"], "none: no such folder; correct clips="),
        (["clips=empty", "references=real"], "empty: no recording in it"),
        (["clips=theirs", "references=empty"], "empty: no recording in it"),
        (
            ["clips=theirs", "references=real", "texts=no.csv"],
            "no.csv: no such file; correct texts=",
        ),
        (["clips=theirs", "references=real", "texts=bare.csv"], "bare.csv: a header but no row"),
        (["clips=broken", "references=real"], "x.wav: cannot be decoded"),
        (["clips=theirs", "references=real", "other_speakers=empty"], "empty: no recording in it"),
        (["clips=theirs", "references=real", "others=[real]"], "others= stands beside run=RUN"),
        (["clips=theirs", "references=real", "run=a"], "give run= or clips=, not both"),
        (["search=references"], "search=references needs run=RUN"),
        (["search=voices", "run=a"], "search=voices: there is one search"),
        (["dataset=milliomos", *TINY_MODEL], "data/milliomos does not exist; make it with"),
    ],
)
def test_bad_input_is_one_clear_line(
    evaluate: Callable[..., None], overrides: list[str], message: str
) -> None:
    Path("empty").mkdir()
    Path("bare.csv").write_text("audio_file,text\n", encoding="utf-8")
    Path("broken").mkdir()
    Path("broken/x.wav").write_text("no sound", encoding="utf-8")
    with pytest.raises(UserError, match=message) as fault:
        evaluate(*overrides)
    assert len(str(fault.value).splitlines()) == 1
    assert not Path("scores.csv").exists()


def test_from_the_command_line_a_fault_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = Command("evaluate", "clips=My clips (new)!", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: clips= needs references=DIR")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.usefixtures("simple")
def test_a_run_is_judged_beside_its_base_and_searched_for_references(
    workplace: Path, tiny: Callable[..., Any], compose: Callable[..., Any], capsys: Any
) -> None:
    from xttslab.speaking.loading import load
    from xttslab.tracking.runs import find_run
    from xttslab.training.run import train

    train(tiny("run_name=first", "trainer.max_epochs=1"))
    config = compose("run=first", *QUICK, *FEW, "rows=[zero_shot,codec]", name="evaluate")
    main(config)
    shown = capsys.readouterr().out
    assert "run               zero_shot         codec             real" in shown
    assert ", and in MLflow" in shown
    record = find_run("first")
    wanted = {"score/voice_similarity", "score/zero_shot/overall", "score/overall/tension"}
    assert wanted <= set(record.metrics)
    assert record.history("score/overall").keys() == {2}  # after the only epoch

    few = ["search_plan.recordings=2", "search_plan.temperatures=[0.6]", "search_plan.sentences=1"]
    main(compose("run=first", "search=references", *QUICK, *FEW, *few, name="evaluate"))
    shown = capsys.readouterr().out
    assert "greeting  " in shown
    speaker = load("first")
    assert sorted(speaker.temperatures) == ["greeting", "tension"]
    assert set(speaker.temperatures.values()) <= {0.6, 0.75}
    table = rows("outputs/first/evaluation/references.csv")
    assert len(table) == 2 * 3
    assert table[0]["category"] == "greeting"


@pytest.mark.usefixtures("workplace")
def test_an_unknown_run_lists_those_that_there_are(compose) -> None:
    with pytest.raises(UserError, match=r"run 'nobody' is not in .*runs there: none"):
        main(compose("run=nobody", name="evaluate"))


def test_a_single_value_needs_no_brackets(compose: Callable[..., Any], tmp_path: Path) -> None:
    config = compose("seeds=7", "rows=codec", f"others={tmp_path}", name="evaluate")
    plan = plan_of(config, "hu")
    assert (plan.seeds, plan.rows) == ([7], ["codec"])
    assert list(systems_of(config).values()) == [tmp_path]
