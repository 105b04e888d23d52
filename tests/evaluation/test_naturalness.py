import numpy as np
import pytest

from experiments.ranking.planting import white_noise
from tests.evaluation.conftest import silence
from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import naturalness
from xttslab.evaluation.naturalness import predict_distillmos, predict_dnsmos
from xttslab.evaluation.spoken_clips import SpokenClip


@pytest.mark.parametrize(
    ("predict", "package"), [(predict_distillmos, "distillmos"), (predict_dnsmos, "speechmos")]
)
def test_noise_makes_speech_less_natural_and_silence_has_no_opinion(
    predict, package: str, demo: tuple[SpokenClip, ...]
) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed (extra eval)")
    clean = demo[0].audio
    noisy = white_noise(clean, 5.0, np.random.default_rng(0))
    found = predict([clean, noisy, silence(1.0), np.zeros(0, np.float32)])
    assert 1 <= found[1] < found[0] - 0.5 <= 5
    assert np.isnan(found[2:]).all()


def test_dnsmos_repeats_short_clips_and_steps_through_long_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("speechmos", reason="speechmos is not installed (extra eval)")
    lengths = []

    class Session:
        def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            lengths.append(inputs["input_1"].shape)
            return [np.array([[3.0, 3.0, 3.0]])]

    monkeypatch.setattr(naturalness, "_session", lambda path: Session())
    naturalness._dnsmos.cache_clear()
    predict_dnsmos([np.ones(16_000, np.float32), np.ones(12 * 16_000, np.float32)])
    naturalness._dnsmos.cache_clear()
    assert lengths == [(1, 144_160)] * (1 + 3)


def test_a_missing_package_is_a_missing_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, install: str) -> None:
        raise PredictorMissing(f"{module} is not there; {install}")

    monkeypatch.setattr(naturalness, "require", missing)
    naturalness._distillmos.cache_clear()
    with pytest.raises(PredictorMissing, match="run `pip install distillmos speechmos`"):
        predict_distillmos([np.ones(16_000, np.float32)])
