"""Recordings are heard in their order, at both rates, with the pitch that they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import heard
from xttslab.data.audio import AudioFault
from xttslab.data.heard import hear_all

PITCHES = (120.0, 180.0, 260.0)
SECONDS = 0.8


@pytest.fixture
def voices(tmp_path: Path) -> list[Path]:
    """Three sounds of three pitches, eight harmonics each, at 22,050 Hz."""
    paths = []
    for pitch in PITCHES:
        turns = pitch * np.arange(round(SECONDS * 22_050)) / 22_050
        wave = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 9))
        paths.append(tmp_path / f"{pitch:.0f}.wav")
        sf.write(paths[-1], 0.2 * wave, 22_050, subtype="FLOAT")
    return paths


@pytest.mark.parametrize("together", [64, 1])  # in this process; in two others
def test_every_recording_in_order_at_both_rates(voices, together, monkeypatch) -> None:
    monkeypatch.setattr(heard, "TOGETHER", together)
    found = list(hear_all(voices, 24_000, pitch=True, cores=2))
    assert [len(one.speech) for one in found] == [round(SECONDS * 24_000)] * 3
    assert [len(one.wave) for one in found] == [round(SECONDS * 22_050)] * 3
    assert {one.speech.dtype for one in found} == {np.dtype(np.int16)}
    peaks = [np.abs(one.wave).max() / 32767 for one in found]
    np.testing.assert_allclose(
        peaks, [np.abs(sf.read(path)[0]).max() for path in voices], atol=1e-4
    )
    for one, pitch in zip(found, PITCHES, strict=True):
        assert np.median(one.pitch.hertz[one.pitch.hertz > 0]) == pytest.approx(pitch, rel=0.01)


def test_pitch_is_left_out_where_no_decoder_asks(voices) -> None:
    assert all(len(one.pitch.hertz) == 0 for one in hear_all(voices, 24_000, pitch=False, cores=2))


def test_a_missing_recording_is_named(tmp_path) -> None:
    with pytest.raises(AudioFault, match=r"gone\.wav: no such audio file"):
        list(hear_all([tmp_path / "gone.wav"], 24_000, pitch=True, cores=2))
