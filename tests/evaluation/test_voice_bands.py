"""The bands that the speaker encoder reads, against those of its own package."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.evaluation.clips import RATE, SpokenClip
from xttslab.evaluation.voice_bands import BANDS, voice_bands


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
    demo: tuple[SpokenClip, ...], samples: int | None
) -> None:
    theirs = pytest.importorskip("resemblyzer", reason="resemblyzer is not installed")
    for clip in demo[:3]:
        voice = clip.audio[:samples]
        assert np.array_equal(voice_bands(voice), theirs.wav_to_mel_spectrogram(voice))
