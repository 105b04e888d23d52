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
    assert "voice.wav: 2.0 s, heard: 2.0 s for the melody, 2.0 s for the timbre" in done.stdout


def test_a_batch_is_spoken_after_the_demo_voice_and_carries_where_it_is_from(folder: Path) -> None:
    (folder / "show.csv").write_text("id|text|category\n1|Jó!|greeting\n2|Na?|fear", "utf-8")
    options = ["batch=show.csv", "out=show", "format=ogg", "keep_going=true", "join=all.wav"]
    done = say(folder, *options, "lufs=-20")
    assert done.returncode == 2
    assert done.stdout.startswith("no voice was named: speaking after the packaged demo voice")
    assert "show: 1 line spoken" in done.stdout
    assert done.stderr.startswith("error: 1 of 2 lines could not be spoken; the first: show.csv li")
    assert len(done.stderr.strip().splitlines()) == 1
    with sf.SoundFile(folder / "show" / "1.ogg") as file:
        said = file.copy_metadata()
    assert said["title"] == "1"
    assert said["license"] == "Apache-2.0"
    assert said["comment"] == "synthetic speech; model=xtts_mini; category=greeting"
    assert (folder / "all.srt").is_file()


def test_a_fault_is_one_line_and_writes_nothing(folder: Path) -> None:
    done = say(folder, "text=Jó!", "out=a.wav", "speaker_wav=no.wav")
    assert done.returncode == 2
    assert done.stderr == "error: no.wav: no such audio file; correct speaker_wav=\n"
    assert not (folder / "a.wav").exists()
