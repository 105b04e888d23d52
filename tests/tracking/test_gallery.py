import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile

from xttslab.tracking import gallery as module
from xttslab.tracking.gallery import SampleSentence, write_gallery

RATE = 24000
SENTENCES = (
    SampleSentence("01_greeting", "greeting", "Nagyszerű teljesítmény!"),
    SampleSentence("02_tension", "tension", "<script>alert('x')</script> & kérdés"),
    SampleSentence("03_greeting", "greeting", "Jó estét!"),
)


def speak(path, seconds=0.5, pitch=220.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * time), RATE)


def sounds(page):
    return json.loads(re.search(r'id="sounds">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture
def samples(tmp_path):
    for epoch in range(3):
        for sentence in SENTENCES:
            speak(tmp_path / "samples" / f"epoch_{epoch:03d}" / f"{sentence.name}.wav")
    speak(tmp_path / "real.wav", 1.0)
    return tmp_path / "samples"


def written(samples, losses=None, title="Samples"):
    out = samples / "index.html"
    references = {"greeting": samples.parent / "real.wav"}
    size = write_gallery(samples, SENTENCES, references, out, title, "hu", losses)
    assert size == out.stat().st_size
    return out.read_text(encoding="utf-8")


def test_every_clip_is_on_the_page_and_sounds_like_its_file(samples):
    speak(samples / "epoch_002" / "03_greeting.wav", 0.8, pitch=440.0)
    found = sounds(written(samples))
    expected = {f"epoch_{e:03d}/{s.name}" for e in range(3) for s in SENTENCES}
    assert set(found) == expected | {"real/greeting"}
    wave, rate = soundfile.read(io.BytesIO(base64.b64decode(found["epoch_002/03_greeting"])))
    assert rate == RATE
    assert len(wave) == pytest.approx(0.8 * RATE, rel=0.15)  # an encoder pads
    spectrum = np.abs(np.fft.rfft(wave))
    assert np.argmax(spectrum) * rate / len(wave) == pytest.approx(440, abs=3)


def test_page_is_a_grid_of_epochs_by_sentences(samples):
    (samples / "epoch_001" / "02_tension.wav").unlink()
    page = written(samples, losses={0: 5.0, 1: 4.25, 2: 4.5})
    assert page.count("<tr") == 2 + 1 + 3
    assert page.count('class="play"') == 1 + 8
    assert page.count('class="none"') == 2  # the missing clip and the missing recording
    assert re.search(r'<tr class="best">.*?epoch 1<small>4.250 best</small>', page, re.DOTALL)
    assert "before training<small>5.000</small>" in page
    groups = re.findall(r'colspan="(\d)">(\w+)</th>', page)
    assert groups == [("2", "greeting"), ("1", "tension")]
    assert page.count("<audio") == 1


def test_texts_are_escaped_and_nothing_is_fetched(samples):
    page = written(samples, title="<b>run</b>")
    assert "alert(&#39;x&#39;)" in page
    assert "<script>alert" not in page
    assert "<b>run" not in page
    assert not re.search(r"(src|href)\s*=\s*[\"']?http", page)


def test_an_epochs_page_compresses_only_its_own_clips(samples, monkeypatch):
    written(samples)
    compressed = []
    real = module.mp3
    monkeypatch.setattr(module, "mp3", lambda path: compressed.append(path.name) or real(path))
    speak(samples / "epoch_003" / "01_greeting.wav")
    written(samples)
    assert compressed == ["01_greeting.wav"]


def test_damaged_clip_is_said_and_left_out(samples, caplog):
    (samples / "epoch_000" / "01_greeting.wav").write_bytes(b"RIFF....")
    assert "epoch_000/01_greeting" not in sounds(written(samples))
    assert "01_greeting.wav: left out of the samples page" in caplog.text


def test_size_of_sixty_epochs(samples):
    """60 epochs of 14 sentences of 3 s: 40 kbit/s make 17 MB of base64."""
    speak(samples / "epoch_000" / "01_greeting.wav", 3.0)
    clip = sounds(written(samples))["epoch_000/01_greeting"]
    assert len(clip) * 14 * 60 < 18_000_000


def test_page_that_would_be_too_large_leaves_out_epochs_but_never_the_newest(samples, monkeypatch):
    one = len(base64.b64decode(sounds(written(samples))["epoch_000/01_greeting"])) * 4 // 3
    monkeypatch.setattr(module, "PAGE_BYTES", 2 * len(SENTENCES) * one + 100)
    page = written(samples)
    assert "leaves out 1 of 3 epochs" in page
    assert {key.split("/")[0] for key in sounds(page)} == {"epoch_000", "epoch_002", "real"}
