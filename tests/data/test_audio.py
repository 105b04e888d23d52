"""Audio is read to one form; what cannot be read says why."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data.audio import (
    MAX_SECONDS,
    SAMPLE_RATE,
    AudioFault,
    code_count,
    content_hash,
    read_audio,
    read_seconds,
    write_audio,
)


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


def test_channels_are_averaged(tmp_path: Path) -> None:
    left = tone(0.5, SAMPLE_RATE)
    sf.write(tmp_path / "x.wav", np.stack([left, -left], axis=1), SAMPLE_RATE, subtype="FLOAT")
    assert np.abs(read_audio(tmp_path / "x.wav")).max() == 0.0


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


def test_the_ceiling_is_605_codes() -> None:
    assert code_count(round(MAX_SECONDS * SAMPLE_RATE)) == 605


def test_content_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert content_hash(tmp_path / "x").startswith("ba7816bf")
