"""Every format becomes the same blocks; what is wrong with a file is found while it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data.audio import SAMPLE_RATE, AudioFault
from xttslab.data.preparing import decoding
from xttslab.data.preparing.decoding import Stream, flat_tops, inspect


def tone(seconds: float, rate: int, level: float = 0.5) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "rate", "channels", "subtype"),
    [
        ("wav", 8_000, 1, "PCM_U8"),
        ("wav", 48_000, 6, "FLOAT"),
        ("wav", 192_000, 2, "PCM_24"),
        ("flac", 44_100, 2, "PCM_16"),
        ("mp3", 44_100, 2, "MPEG_LAYER_III"),
        ("ogg", 44_100, 1, "VORBIS"),
        ("opus", 48_000, 1, "OPUS"),
    ],
)
def test_every_format_gives_mono_at_22050(
    tmp_path: Path, suffix: str, rate: int, channels: int, subtype: str
) -> None:
    path = tmp_path / f"Őri hang, 1.{suffix}"
    kind = "OGG" if suffix == "opus" else None
    sf.write(path, np.stack([tone(2.0, rate)] * channels, 1), rate, subtype=subtype, format=kind)
    stream = Stream(path)
    samples = np.concatenate(list(stream))
    assert samples.dtype == np.float32
    assert abs(len(samples) - 2 * SAMPLE_RATE) <= 0.06 * SAMPLE_RATE  # lossy coders pad
    middle = samples[SAMPLE_RATE // 2 : SAMPLE_RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    assert (stream.facts.rate, stream.facts.channels) == (rate, channels)
    assert not stream.truncated
    assert dict(stream.facts.changes)["resampled"] == f"{rate} Hz"


def test_blocks_are_short_and_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sf.write(tmp_path / "x.wav", tone(3.0, 48_000), 48_000, subtype="FLOAT")
    whole = np.concatenate(list(Stream(tmp_path / "x.wav")))
    monkeypatch.setattr(decoding, "BLOCK_SECONDS", 0.25)
    blocks = list(Stream(tmp_path / "x.wav"))
    assert len(blocks) > 12
    assert max(map(len, blocks)) < 0.3 * SAMPLE_RATE
    assert np.abs(np.concatenate(blocks) - whole).max() < 1e-6


def test_m4a_goes_through_ffmpegs_libraries(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "x.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(2.0, 44_100)[None], "fltp", "mono")
        frame.sample_rate = 44_100
        container.mux([*stream.encode(frame), *stream.encode(None)])
    samples = np.concatenate(list(Stream(path)))
    assert inspect(path).encoding == "av:aac"
    assert abs(len(samples) - 2 * SAMPLE_RATE) <= 0.06 * SAMPLE_RATE
    middle = samples[SAMPLE_RATE // 2 : SAMPLE_RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    sf.write(tmp_path / "x.mp3", tone(1.0, SAMPLE_RATE), SAMPLE_RATE)
    (tmp_path / "x.mp3").rename(tmp_path / "x.wav")
    assert inspect(tmp_path / "x.wav").encoding == "MPEG_LAYER_III"


def test_a_file_that_lost_its_end_is_seen(tmp_path: Path) -> None:
    sf.write(tmp_path / "x.wav", tone(2.0, SAMPLE_RATE), SAMPLE_RATE, subtype="PCM_16")
    content = (tmp_path / "x.wav").read_bytes()
    (tmp_path / "x.wav").write_bytes(content[: len(content) // 2])
    stream = Stream(tmp_path / "x.wav")
    assert sum(map(len, stream)) == pytest.approx(SAMPLE_RATE, abs=30)
    assert stream.truncated


@pytest.mark.parametrize("suffix", ["flac", "opus"])
def test_a_broken_stream_is_a_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    sf.write(path, tone(2.0, 48_000), 48_000, format="OGG" if suffix == "opus" else None,
             subtype="OPUS" if suffix == "opus" else None)  # fmt: skip
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(AudioFault, match="cannot be decoded"):
        list(Stream(path))


def test_nan_and_emptiness_are_faults(tmp_path: Path) -> None:
    samples = tone(1.0, SAMPLE_RATE)
    samples[100] = np.inf
    sf.write(tmp_path / "nan.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioFault, match=r"NaN or infinite \(1 samples\)"):
        list(Stream(tmp_path / "nan.wav"))
    sf.write(tmp_path / "empty.wav", np.zeros(0), SAMPLE_RATE)
    with pytest.raises(AudioFault, match="the audio is empty"):
        list(Stream(tmp_path / "empty.wav"))
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(AudioFault, match="cannot be decoded"):
        Stream(tmp_path / "text.wav")


def test_clipping_is_found_where_it_is_and_nowhere_else() -> None:
    rate, block = 44_100, tone(1.0, 44_100, level=0.9)
    assert flat_tops(block[:, None], rate) == []
    clipped = block.copy()
    clipped[10_000:12_000] = np.clip(2 * block[10_000:12_000], -0.95, 0.95)
    for level in (1.0, 0.4):  # clipped, and clipped before it was turned down
        spans = flat_tops(level * clipped[:, None], rate)
        assert min(start for start, _ in spans) == pytest.approx(10_000 / rate, abs=0.002)
        assert max(end for _, end in spans) == pytest.approx(12_000 / rate, abs=0.002)
    assert flat_tops(np.zeros((1000, 2), np.float32), rate) == []
