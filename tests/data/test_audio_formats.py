"""Recordings in every format that is written, and what stays in them of where they come from."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import audio_formats
from xttslab.data.audio_formats import FORMATS, encode, require_format, writable
from xttslab.errors import UserError

RATE = 24_000
TAGS = {
    "title": "Jó estét!",
    "artist": "combined",
    "license": "CC-BY-4.0",
    "copyright": "ours",
    "software": "xttslab 0.1.0",
    "comment": "run=abc; consent=quiz/2025-01-31",
}
WAVE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_keeps_the_length_and_says_where_it_comes_from(ending: str) -> None:
    with sf.SoundFile(io.BytesIO(encode(WAVE, RATE, ending, TAGS))) as file:
        found, back = file.copy_metadata(), file.read()
    assert len(back) == pytest.approx(RATE, abs=2)
    everything = " ".join(found.values())
    for value in ("combined", "CC-BY-4.0", "ours", "xttslab 0.1.0", "run=abc", "quiz/2025-01-31"):
        assert value in everything, (ending, found)
    assert found["title"] == ("Jo estet!" if ending == ".mp3" else "Jó estét!")


def test_opus_is_resampled_where_it_does_not_know_the_rate() -> None:
    wave, rate = sf.read(io.BytesIO(encode(WAVE, 22_050, ".opus")))
    assert rate == 48_000
    assert len(wave) / rate == pytest.approx(RATE / 22_050, abs=0.001)
    spectrum = np.abs(np.fft.rfft(wave))
    assert np.argmax(spectrum) * rate / len(wave) == pytest.approx(220 * 22_050 / RATE, abs=2)


def test_a_format_that_this_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    full = sf.available_formats()
    old = {name: title for name, title in full.items() if name != "MP3"}
    monkeypatch.setattr(audio_formats.sf, "available_formats", lambda: old)
    monkeypatch.setattr(audio_formats.sf, "available_subtypes", lambda name: {"PCM_16": ""})
    monkeypatch.setattr(audio_formats, "writable", writable.__wrapped__)  # it asks only once
    assert audio_formats.writable() == (".wav", ".flac")
    lacking = r"hello\.mp3: this machine's libsndfile .* writes no \.mp3; it writes \.wav, \.flac$"
    with pytest.raises(UserError, match=lacking):
        require_format(Path("hello.mp3"))
    with pytest.raises(UserError, match=r"hello\.aiff: name a recording that ends in \.wav"):
        require_format("hello.aiff")
