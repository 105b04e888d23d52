"""Real recordings are measured once, and again when anything that decides on a value changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.conftest import Repeater, natural, patch_predictors, tone
from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import kept_measures, measuring, prosody
from xttslab.evaluation.kept_measures import KeptMeasures
from xttslab.evaluation.measuring import Measured, measure
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE, SpokenClip

CLIPS = [
    SpokenClip("a", tone(0.6), RATE, "Nagyszerű teljesítmény!", "greeting"),
    SpokenClip("b", tone(0.7, 150.0, 0.3), RATE, "Jó estét kívánok!", codes=(1, 2, 3)),
    SpokenClip("mute", np.zeros(8000, np.float32), RATE, "Jó estét kívánok!"),
    SpokenClip("no text", tone(0.5, 180.0, 0.4), RATE),
]


@pytest.fixture
def settings(scoring: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scoring:
    patch_predictors(monkeypatch)
    return replace(scoring, recogniser=Repeater(), real_measures=str(tmp_path / "measures"))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many clips each measurement took, in order."""
    counts: list[int] = []

    def counted(clips, *rest):
        counts.append(len(clips))
        return measure(clips, *rest)

    monkeypatch.setattr(kept_measures, "measure", counted)
    return counts


def same(one: Measured, other: Measured) -> None:
    """Every number is the same, to the last bit."""
    assert (one.heard, one.prosody) == (other.heard, other.prosody)
    np.testing.assert_array_equal(one.mute, other.mute)
    for ours, theirs in (
        (one.voices, other.voices),
        (one.values, other.values),
        (one.weights, other.weights),
    ):
        assert list(ours) == list(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_later_process_finds_the_same_numbers(settings: Scoring, heard: list[int]) -> None:
    first = KeptMeasures(settings).measure(CLIPS, keep=True)
    second = KeptMeasures(settings).measure(CLIPS, keep=True)
    assert heard == [4, 0]
    same(first, measure(CLIPS, settings))
    same(second, first)
    assert second.clips == tuple(CLIPS)


def test_spoken_clips_are_looked_up_but_not_kept(settings: Scoring, heard: list[int]) -> None:
    kept = KeptMeasures(settings)
    kept.measure(CLIPS[:2], keep=True)
    renamed = replace(CLIPS[1], name="copy", category="question")
    found = kept.measure([CLIPS[3], renamed])
    assert heard == [2, 1]
    assert [clip.name for clip in found.clips] == ["no text", "copy"]
    assert found.clips[1].category == "question"
    kept.measure([CLIPS[3]])
    assert heard == [2, 1, 1]
    assert len(list(Path(settings.real_measures).iterdir())) == 2


@pytest.mark.parametrize(
    "changed",
    [
        replace(CLIPS[0], text="Jó estét kívánok!"),
        replace(CLIPS[0], codes=(5,)),
        replace(CLIPS[0], audio=tone(0.6, 121.0)),
    ],
    ids=["text", "codes", "samples"],
)
def test_other_content_is_measured_anew(
    settings: Scoring, heard: list[int], changed: SpokenClip
) -> None:
    kept = KeptMeasures(settings)
    kept.measure(CLIPS[:1], keep=True)
    kept.measure([changed], keep=True)
    assert heard == [1, 1]


def test_other_settings_and_other_code_measure_anew(
    settings: Scoring, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    KeptMeasures(settings).measure(CLIPS[:1], keep=True)
    weights = replace(settings, defects=replace(settings.defects, clicks=3.0))
    KeptMeasures(weights).measure(CLIPS[:1], keep=True)
    beams = replace(settings, recogniser=replace(settings.recogniser, beam_size=1))
    KeptMeasures(beams).measure(CLIPS[:1], keep=True)
    monkeypatch.setattr(kept_measures, "_code", lambda: "tomorrow's")
    KeptMeasures(settings).measure(CLIPS[:1], keep=True)
    assert heard == [1, 1, 1, 1]


def test_nothing_is_kept_without_a_predictor(
    settings: Scoring, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise PredictorMissing("not installed; run `pip install distillmos`")

    monkeypatch.setattr(measuring, "predict_distillmos", missing)
    found = KeptMeasures(settings).measure(CLIPS, keep=True)
    assert found.missing["distillmos"].startswith("not installed")
    monkeypatch.setattr(measuring, "predict_distillmos", natural)
    assert not KeptMeasures(settings).measure(CLIPS, keep=True).missing
    assert heard == [4, 4]


def test_a_damaged_file_is_measured_anew(
    settings: Scoring, heard: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    KeptMeasures(settings).measure(CLIPS[:1], keep=True)
    (file,) = Path(settings.real_measures).iterdir()
    file.write_text("{", encoding="utf-8")
    KeptMeasures(settings).measure(CLIPS[:1], keep=True)
    assert heard == [1, 1]
    assert f"{file}: measured anew" in caplog.text


def test_a_folder_that_cannot_be_written_costs_no_scores(
    settings: Scoring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "measures").write_text("", encoding="utf-8")  # a file in the folder's place
    assert len(KeptMeasures(settings).measure(CLIPS, keep=True).clips) == 4
    assert caplog.text.count("measures of real recordings are not kept") == 1


def test_without_a_folder_one_object_still_knows(settings: Scoring, heard: list[int]) -> None:
    kept = KeptMeasures(replace(settings, real_measures=""))
    kept.measure(CLIPS, keep=True)
    kept.measure(CLIPS[::-1])
    assert heard == [4, 0]


def test_the_tone_of_all_recordings_is_kept(
    settings: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = KeptMeasures(settings).prosody(CLIPS)
    assert [found is None for found in first] == [False, False, True, False]
    monkeypatch.setattr(prosody, "track_pitch", None)
    assert KeptMeasures(settings).prosody([*CLIPS[::-1]]) == first[::-1]
