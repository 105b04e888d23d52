"""Audio is read to one form; what cannot be read says why."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soundfile as sf

from xttslab.data.audio import (
    SAMPLE_RATE,
    AudioFault,
    code_count,
    content_hash,
    mp3,
    read_audio,
    read_seconds,
    write_audio,
)
from xttslab.data.preparing.decoding import Stream
from xttslab.errors import UserError


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "suffix"),
    [
        (8_000, 2, "PCM_U8", "wav"),
        (192_000, 1, "PCM_24", "wav"),
        (48_000, 6, "FLOAT", "wav"),
        (44_100, 2, "PCM_16", "flac"),
    ],
)
def test_reads_any_rate_and_layout_to_mono(
    tmp_path: Path, rate: int, channels: int, subtype: str, suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    sf.write(path, np.stack([tone(1.0, rate)] * channels, axis=1), rate, subtype=subtype)
    samples = read_audio(path)
    assert samples.dtype == np.float32
    assert len(samples) == SAMPLE_RATE
    wanted = tone(1.0, SAMPLE_RATE)[1000:-1000]
    assert np.abs(samples[1000:-1000] - wanted).max() < 0.01
    assert read_seconds(path) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        (1.0, 0.5, 0.75),  # averaged
        (1.0, 0.0, 0.5),
        (1.0, -1.0, 1.0),  # wired the wrong way round: the average would be silence
        (0.6, -0.8, 0.8),
        (1.0, -0.2, 0.4),  # a little of the other sign is no cancellation
    ],
)
def test_channels_are_averaged_unless_they_cancel(
    tmp_path: Path, left: float, right: float, wanted: float
) -> None:
    wave = tone(0.5, SAMPLE_RATE)
    both = np.stack([left * wave, right * wave], axis=1)
    sf.write(tmp_path / "x.wav", both, SAMPLE_RATE, subtype="FLOAT")
    peak = np.abs(read_audio(tmp_path / "x.wav")).max()
    assert peak == pytest.approx(0.5 * wanted, rel=1e-4)


def test_channels_with_nothing_in_common_are_averaged(tmp_path: Path) -> None:
    both = 0.1 * np.random.default_rng(0).standard_normal((SAMPLE_RATE, 6)).astype(np.float32)
    sf.write(tmp_path / "x.wav", both, SAMPLE_RATE, subtype="FLOAT")
    assert np.abs(read_audio(tmp_path / "x.wav") - both.mean(axis=1)).max() < 1e-7


@pytest.mark.parametrize(("gain", "offset", "left"), [(0.5, 0.3, 0.0), (1e-3, -0.01, 0.0),
                                                     (0.5, 0.001, 0.001)])  # fmt: skip
def test_a_constant_offset_goes_where_it_is_one(
    tmp_path: Path, gain: float, offset: float, left: float
) -> None:
    wave = gain * tone(1.0, SAMPLE_RATE)
    both = np.stack([wave + offset, wave], axis=1)
    sf.write(tmp_path / "x.wav", both, SAMPLE_RATE, subtype="FLOAT")
    found = read_audio(tmp_path / "x.wav")
    assert np.abs(found - wave - left / 2).max() < 1e-6


def unfinished(path: Path, kind: str, written: int) -> None:
    """The header that a recorder leaves which was interrupted after `written` bytes of sound."""
    content = bytearray(path.read_bytes())
    if kind == "RF64":
        place, form = content.find(b"ds64") + 8, "<QQQ"
        numbers = (written + 60, written, written // 2) if written else (0, 0, 0)
        content[place : place + 24] = struct.pack(form, *numbers)
    else:
        content[4:8] = struct.pack("<I", written + 36 if written else 0)
        place = content.find(b"data") + 4
        content[place : place + 4] = struct.pack("<I", written)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["WAV", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "PCM_24"])
@pytest.mark.parametrize("written", [0, 12_000])
def test_a_wav_whose_header_was_never_finished_is_read_to_its_end(
    tmp_path: Path, kind: str, subtype: str, written: int
) -> None:
    path, wave = tmp_path / "x.wav", tone(1.0, SAMPLE_RATE)
    sf.write(path, wave, SAMPLE_RATE, subtype=subtype, format=kind)
    unfinished(path, kind, written)
    before = path.read_bytes()
    assert sf.info(path).frames <= 6_000
    assert read_seconds(path) == pytest.approx(1.0, abs=0.001)
    assert np.abs(read_audio(path)[: len(wave)] - wave).max() < 1e-4
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [8, 5_000])
def test_what_stands_behind_a_finished_sound_is_no_sound(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.wav"
    sf.write(path, tone(1.0, SAMPLE_RATE), SAMPLE_RATE)
    chunk = b"LIST" + struct.pack("<I", length) + b"\xff" * length
    path.write_bytes(path.read_bytes() + chunk)
    assert read_seconds(path) == 1.0
    path.write_bytes(path.read_bytes()[: -len(chunk)] + b"TAG" + b"\xff" * 125)  # an ID3v1 tag
    assert read_seconds(path) == 1.0


def test_a_flac_that_was_streamed_does_not_give_its_length(tmp_path: Path) -> None:
    path, wave = tmp_path / "x.flac", tone(1.0, SAMPLE_RATE)
    sf.write(path, wave, SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO's total samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert sf.info(path).frames > 1 << 60
    stream = Stream(path)  # FFmpeg reads it
    assert np.abs(np.concatenate(list(stream)) - wave).max() < 1e-4
    assert (stream.facts.seconds, stream.truncated) == (1.0, False)
    assert np.abs(read_audio(path) - wave).max() < 1e-4
    assert read_seconds(path) == 1.0


def m4a(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write AAC, which libsndfile does not read, as telephones record it."""
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)


@pytest.mark.parametrize("rate", [16_000, SAMPLE_RATE])
def test_what_libsndfile_does_not_read_goes_to_ffmpeg(tmp_path: Path, rate: int) -> None:
    m4a(tmp_path / "x.m4a", tone(1.0, 44_100), 44_100)
    samples = read_audio(tmp_path / "x.m4a", rate)
    assert len(samples) == pytest.approx(rate, rel=0.06)  # AAC's frames have 1,024 samples
    spectrum = np.abs(np.fft.rfft(samples[: rate // 2]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)
    assert read_seconds(tmp_path / "x.m4a") == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    ("name", "container", "coding"),
    [
        ("x.wav", "WAV", "PCM_16"),
        ("x.WAV", "WAV", "PCM_16"),
        ("x.flac", "FLAC", "PCM_16"),
        ("x.mp3", "MP3", "MPEG_LAYER_III"),
        ("x.ogg", "OGG", "VORBIS"),
    ],
)
def test_the_ending_names_the_format(
    tmp_path: Path, name: str, container: str, coding: str
) -> None:
    wave = tone(3.0, 24_000)
    write_audio(tmp_path / name, wave, 24_000)
    info = sf.info(tmp_path / name)
    assert (info.format, info.subtype) == (container, coding)
    assert (info.samplerate, info.channels) == (24_000, 1)
    back = sf.read(tmp_path / name, dtype="float32")[0]
    assert len(back) == pytest.approx(len(wave), abs=2400)
    assert np.abs(back[9600:-9600]).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["x.m4a", "x", "x.mp3.txt"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    endings = r": name a recording that ends in \.wav, \.flac, \.mp3, \.ogg, \.opus$"
    with pytest.raises(UserError, match=endings):
        write_audio(tmp_path / name, tone(0.1, 24_000), 24_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "cannot be decoded"), (b"not audio at all" * 50, "cannot be decoded")],
)
def test_what_no_decoder_knows_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad file, é.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFault) as caught:
        read_audio(path)
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"{path}: cannot be decoded (Format not recognised)")
    assert "\n" not in str(caught.value)


def test_an_mp3_without_any_sound_is_not_said_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "rossz.mp3"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(AudioFault, match=r"cannot be decoded \(no sound in it\); replace"):
        read_audio(path)


def test_no_samples_and_nan_are_faults(tmp_path: Path) -> None:
    sf.write(tmp_path / "empty.wav", np.zeros(0), SAMPLE_RATE)
    with pytest.raises(AudioFault, match="the audio is empty"):
        read_audio(tmp_path / "empty.wav")
    samples = tone(0.5, SAMPLE_RATE)
    samples[10:13] = np.nan
    sf.write(tmp_path / "nan.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioFault, match=r"NaN or infinite \(3 samples\); export the recording"):
        read_audio(tmp_path / "nan.wav")
    with pytest.raises(AudioFault, match="no such audio file"):
        read_seconds(tmp_path / "nowhere.wav")


def test_a_fault_crosses_process_borders() -> None:
    fault = AudioFault(Path("a.wav"), "cannot be decoded", "why", "replace it")
    copy = pickle.loads(pickle.dumps(fault))
    assert (copy.reason, copy.value, str(copy)) == ("cannot be decoded", "why", str(fault))


def test_written_audio_is_16_bit_and_clipped_to_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "x.wav"
    write_audio(path, np.array([0.0, 0.5, 2.0, -2.0], np.float32))
    assert sf.info(path).subtype == "PCM_16"
    assert sf.info(path).samplerate == SAMPLE_RATE
    assert np.allclose(read_audio(path), [0.0, 0.5, 1.0, -1.0], atol=1 / 32_000)
    assert [entry.name for entry in path.parent.iterdir()] == ["x.wav"]


@pytest.mark.parametrize(("samples", "codes"), [(0, 0), (1, 1), (1024, 1), (1025, 2), (22_050, 22)])
def test_code_count_rounds_up(samples: int, codes: int) -> None:
    assert code_count(samples) == codes


def test_content_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert content_hash(tmp_path / "x").startswith("ba7816bf")


@pytest.mark.parametrize("other", [0.0, 1.0, -1.0])
def test_a_stereo_file_becomes_small_mono_mp3_of_the_same_pitch(
    tmp_path: Path, other: float
) -> None:
    time = np.arange(24_000) / 24_000
    one = np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", 0.4 * np.stack([one, other * one], axis=1), 24_000)
    sound = mp3(tmp_path / "a.wav")
    wave, rate = soundfile.read(io.BytesIO(sound))
    assert (wave.ndim, rate) == (1, 24_000)
    assert len(sound) < 7_000  # 40 kbit/s
    assert np.abs(wave).max() == pytest.approx(0.2 if other == 0 else 0.4, rel=0.1)
    assert np.argmax(np.abs(np.fft.rfft(wave))) * rate / len(wave) == pytest.approx(440, abs=3)


def test_what_is_no_audio_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    with pytest.raises(soundfile.LibsndfileError, match=r"a\.wav"):
        mp3(tmp_path / "a.wav")
