"""`python -m xttslab.say`: from the command line to a recording, and one line for faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.processes import Command
from xttslab.data.audio import write_audio


def say(folder: Path, *arguments: str) -> Command:
    return Command("say", "model=xtts_mini", "weights=random", *arguments, folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("say")
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * 22050).astype(np.float32)
    write_audio(folder / "voice.wav", noise)
    return folder


def test_free_text_becomes_a_recording(folder: Path) -> None:
    text = "text=Nagyszerű, (igaz)! A = B?"
    done = say(folder, text, "speaker_wav=voice.wav", "out=new/hello.wav", "longest=20")
    assert done.returncode == 0, done.stderr
    wave, rate = sf.read(folder / "new" / "hello.wav")
    assert rate == 24_000
    assert f"new/hello.wav: {len(wave) / rate:.1f} s of speech" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text=Jó!", "out=a.wav"], "error: whose voice? give run=RUN, speaker_wav=RECORDING"),
        (["text=Jó!", "out=a.wav", "speaker_wav=no.wav"], "error: no.wav: no such audio file"),
        (["out=a.wav", "speaker_wav=voice.wav"], "error: say what? give either text="),
    ],
)
def test_faults_are_one_line_and_write_nothing(
    folder: Path, arguments: list[str], message: str
) -> None:
    done = say(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "a.wav").exists()
