"""Every format becomes the same blocks; what is wrong with a file is found while it is read."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import audio
from xttslab.data.audio import SAMPLE_RATE, AudioFault
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
    assert dict(stream.changes)["resampled"] == f"{rate} Hz"


def test_blocks_are_short_and_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sf.write(tmp_path / "x.wav", tone(3.0, 48_000), 48_000, subtype="FLOAT")
    whole = np.concatenate(list(Stream(tmp_path / "x.wav")))
    monkeypatch.setattr(audio, "BLOCK_SECONDS", 0.25)
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


@pytest.mark.parametrize("factor", [1.5, 30.0, 32_768.0])
def test_floats_beyond_full_scale_are_not_clipped(tmp_path: Path, factor: float) -> None:
    loud = factor * tone(1.0, SAMPLE_RATE, level=1.0)
    sf.write(tmp_path / "x.wav", loud, SAMPLE_RATE, subtype="FLOAT")
    stream = Stream(tmp_path / "x.wav")
    assert np.abs(np.concatenate(list(stream)) - loud).max() == 0.0
    assert stream.clipped == []
    sf.write(tmp_path / "y.wav", np.clip(loud, -1, 1), SAMPLE_RATE, subtype="FLOAT")
    stream = Stream(tmp_path / "y.wav")
    list(stream)
    assert sum(b - a for a, b in stream.clipped) > 0.4


def test_what_decoding_changes_is_said(tmp_path: Path) -> None:
    wave = tone(1.0, 44_100)
    both = np.stack([wave + 0.3, -wave], axis=1)
    sf.write(tmp_path / "x.wav", both, 44_100, subtype="FLOAT")
    stream = Stream(tmp_path / "x.wav")
    assert np.concatenate(list(stream)).mean() == pytest.approx(0.0, abs=1e-5)
    assert stream.changes == (
        ("resampled", "44100 Hz"),
        ("constant offset removed", "+0.300, +0.000"),
        ("one channel kept: together they cancel out", "1 of 2"),
    )


def test_an_unfinished_header_is_said_and_no_missing_end(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    sf.write(path, tone(2.0, SAMPLE_RATE), SAMPLE_RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    path.write_bytes(content)
    stream = Stream(path)
    assert sum(map(len, stream)) == 2 * SAMPLE_RATE
    assert stream.changes == (("read to the end: the header gives no length", "2.00 s"),)
    assert not stream.truncated


def undecodable_wav(codec: int = 1) -> bytes:
    """A WAV of 36-bit samples in a codec by its number in the format chunk."""
    sound = bytes(40_000)
    chunk = struct.pack("<IHHIIHH", 16, codec, 1, 8_000, 40_000, 5, 36)
    data = b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", 28 + len(data)) + b"WAVEfmt " + chunk + data


@pytest.mark.parametrize("codec", [1, 0x270, 0x7FFF])  # PCM, ATRAC3, one of nobody
def test_a_codec_that_nobody_decodes_is_a_fault_of_the_file(tmp_path: Path, codec: int) -> None:
    (tmp_path / "x.wav").write_bytes(undecodable_wav(codec))
    with pytest.raises(AudioFault, match="cannot be decoded"):
        list(Stream(tmp_path / "x.wav"))


def write_av(path: Path, container: str, codec: str, seconds: float, options: dict) -> None:
    """A second of noise and then silence, so that the bit rate changes."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    wave = np.zeros(int(48_000 * seconds), np.float32)
    loud = min(len(wave), 48_000)
    wave[:loud] = 0.1 * np.random.default_rng(0).standard_normal(loud)
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono")
        for start in range(0, len(wave), 960 if codec == "libopus" else 1_024):
            part = wave[start : start + (960 if codec == "libopus" else 1_024)]
            frame = av.AudioFrame.from_ndarray(part[None], "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "container", "codec", "options"),
    [
        ("browser.webm", "webm", "libopus", {"live": "1"}),  # MediaRecorder gives no length
        ("stream.aac", "adts", "aac", {}),  # nor do raw streams: FFmpeg guesses
        ("parts.mp4", "mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_a_container_without_a_length_is_read_whole(
    tmp_path: Path, name: str, container: str, codec: str, options: dict
) -> None:
    write_av(tmp_path / name, container, codec, 8.0, options)
    stream = Stream(tmp_path / name)
    samples = np.concatenate(list(stream))
    assert len(samples) == pytest.approx(8 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert not stream.truncated
    if container != "adts":
        assert stream.facts.seconds == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus", "aiff", "m4a", "webm"])
def test_damaged_files_are_faults_and_never_a_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "m4a":
        write_av(path, "mp4", "aac", 0.5, {})
    elif suffix == "webm":
        write_av(path, "webm", "libopus", 0.5, {})
    else:
        opus = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
        sf.write(path, tone(0.5, 48_000), 48_000, **opus)
    content, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(30):
        damaged = bytearray(content)
        for place in random.integers(0, 120, size=3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(AudioFault):
            for block in Stream(path):
                assert block.dtype == np.float32
