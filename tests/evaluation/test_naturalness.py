import numpy as np
import pytest

from experiments.ranking.planting import white_noise
from tests.evaluation.conftest import demo_clips, silence
from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import naturalness
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.evaluation.spoken_clips import RATE, SpokenClip


def test_noise_makes_speech_less_natural_and_silence_has_no_opinion(
    demo: tuple[SpokenClip, ...],
) -> None:
    pytest.importorskip("distillmos", reason="distillmos is not installed (extra eval)")
    clean = demo[0].audio
    noisy = white_noise(clean, 5.0, np.random.default_rng(0))
    told: list[int] = []
    found = predict_distillmos([clean, noisy, silence(1.0), np.zeros(0, np.float32)], told.append)
    assert 1 <= found[1] < found[0] - 0.5 <= 5
    assert np.isnan(found[2:]).all()
    assert told == [1, 1, 1, 1]


def test_clips_are_predicted_one_a_core_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    usual = torch.get_num_threads()
    threads = []

    def score(model: object, audio: np.ndarray) -> float:
        threads.append(torch.get_num_threads())
        return float(audio.max())

    monkeypatch.setattr(naturalness, "_distillmos", lambda: None)
    monkeypatch.setattr(naturalness, "_score", score)
    levels = [0.5, 0.25, 1.0, 0.125]
    found = predict_distillmos([np.full(1000, level, np.float32) for level in levels])
    assert found.tolist() == levels
    assert threads == [1] * 4
    assert torch.get_num_threads() == usual


def test_a_missing_package_is_a_missing_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, install: str) -> None:
        raise PredictorMissing(f"{module} is not there; {install}")

    monkeypatch.setattr(naturalness, "require", missing)
    naturalness._distillmos.cache_clear()
    with pytest.raises(PredictorMissing, match="run `pip install distillmos`"):
        predict_distillmos([np.ones(16_000, np.float32)])


def test_the_values_are_those_of_the_package() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("distillmos", reason="distillmos is not installed (extra eval)")
    import distillmos

    speech = np.concatenate([clip.audio for clip in demo_clips()[:5]])
    assert len(speech) > 8.7 * RATE
    audios = [speech[: round(seconds * RATE)] for seconds in (0.3, 2.0, 7.65, 8.7)]
    theirs = distillmos.ConvTransformerSQAModel().eval()
    with torch.inference_mode():
        wanted = [float(theirs(torch.from_numpy(audio)[None])) for audio in audios]
    assert predict_distillmos(audios) == pytest.approx(wanted, abs=1e-4)
