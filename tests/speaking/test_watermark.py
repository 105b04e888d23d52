"""A mark is put into speech and found again; what it needs is named where it is missing."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from xttslab.data.audio import read_audio
from xttslab.errors import UserError
from xttslab.speaking.loading import DEMO
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import require_watermark

RATE = 24_000
needs_perth = pytest.mark.skipif(
    importlib.util.find_spec("perth") is None, reason="resemble-perth is not installed"
)


class Louder:
    """A mark that can be seen."""

    def embed(self, wave: np.ndarray, rate: int) -> np.ndarray:
        assert rate == RATE
        return wave + 1.0


def test_what_is_spoken_whole_is_marked_and_a_stream_refused(speaker: Speaker) -> None:
    plain = speaker.say("Jó estét!")
    speaker.watermark = Louder()
    try:
        np.testing.assert_allclose(speaker.say("Jó estét!"), plain + 1.0, atol=1e-6)
        with pytest.raises(UserError, match="a watermark is put into whole speech"):
            speaker.stream("Jó estét!")
    finally:
        speaker.watermark = None


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"run: pip install 'xttslab\[watermark\]'"):
        require_watermark()


@needs_perth
def test_perths_mark_is_found_in_speech_and_in_nothing_else() -> None:
    from xttslab.speaking.watermark import LIKELY, Watermark

    mark = Watermark()
    wave = read_audio(next(iter(sorted(DEMO.glob("*.ogg")))), RATE)[: 4 * RATE]
    marked = mark.embed(wave, RATE)
    assert marked.shape == wave.shape
    assert marked.dtype == np.float32
    assert mark.confidence(marked, RATE) > LIKELY > mark.confidence(wave, RATE)
    assert np.square(marked - wave).mean() < 0.06 * np.square(wave).mean()
    silence = np.zeros(1000, np.float32)
    assert mark.confidence(silence, RATE) == 0.0
    np.testing.assert_array_equal(mark.embed(silence, RATE), silence)
    assert mark.embed(wave[:500], RATE).shape == (500,)
