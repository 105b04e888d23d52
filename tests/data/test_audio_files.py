"""Audio files: read once, read again when changed, and a memory that may be damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from xttslab.data import audio_files
from xttslab.data.audio import content_hash
from xttslab.data.audio_files import AudioFiles
from xttslab.errors import UserError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    sf.write(path, np.zeros(11025), 22050)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose content was read."""
    seen: list[Path] = []
    monkeypatch.setattr(
        audio_files, "content_hash", lambda path: (seen.append(path), content_hash(path))[1]
    )
    return seen


def test_a_file_is_read_once_over_two_runs(clip: Path, reads: list[Path], tmp_path: Path) -> None:
    memory = tmp_path / "codes" / "audio_files.json"
    first = AudioFiles(memory)
    assert first[clip].seconds == 0.5
    assert first[clip].content == content_hash(clip)
    first.remember()
    assert AudioFiles(memory)[clip] == first[clip]
    assert reads == [clip]


def test_a_changed_file_is_read_again(clip: Path, reads: list[Path], tmp_path: Path) -> None:
    files = AudioFiles(tmp_path / "audio_files.json")
    before = files[clip]
    sf.write(clip, np.ones(22050), 22050)
    assert files[clip].seconds == 1.0
    assert files[clip].content != before.content
    os.utime(clip, ns=(1, 1))
    assert files[clip].changed_ns == 1
    assert len(reads) == 3


def test_a_damaged_memory_is_made_anew(clip: Path, tmp_path: Path) -> None:
    memory = tmp_path / "audio_files.json"
    memory.write_text("{damaged")
    files = AudioFiles(memory)
    assert files[clip].seconds == 0.5
    files.remember()
    assert list(json.loads(memory.read_text())) == [str(clip.resolve())]


def test_nothing_new_writes_nothing(clip: Path, tmp_path: Path) -> None:
    memory = tmp_path / "audio_files.json"
    files = AudioFiles(memory)
    files[clip]
    files.remember()
    memory.unlink()
    files.remember()
    assert not memory.exists()


def test_a_file_that_went_missing_is_a_fault_though_remembered(clip: Path, tmp_path: Path) -> None:
    files = AudioFiles(tmp_path / "audio_files.json")
    files[clip]
    clip.unlink()
    with pytest.raises(UserError, match=r"clip\.wav.*no such audio file"):
        files[clip]
