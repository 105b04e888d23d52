"""A folder in each layout is prepared and trained on, with no hand work between."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.preparing.folder import Folder
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.data.preparing.sources import ASSETS


@pytest.fixture(scope="module")
def said() -> list[Clip]:
    """Eight short packaged clips."""
    clips, _ = read_folder(ASSETS / "demo_blikk")
    return [clip for clip in clips[:60] if len(read_audio(clip.audio)) < 2.6 * SAMPLE_RATE][:8]


def header(folder: Path, said: list[Clip]) -> None:
    lines = [f"wavs/{n}.wav|{clip.text}|vago|neutral" for n, clip in enumerate(said)]
    text = "\n".join(["audio_file|text|speaker_name|category", *lines])
    (folder / "metadata.csv").write_text(text, encoding="utf-8")


def ljspeech(folder: Path, said: list[Clip]) -> None:
    lines = [f"{n}|{clip.text} (1.)|{clip.text}" for n, clip in enumerate(said)]
    (folder / "metadata.csv").write_bytes("\r\n".join(lines).encode("cp1250"))


def coqui(folder: Path, said: list[Clip]) -> None:
    lines = [f"wavs/{n}.wav|{clip.text}|vago" for n, clip in enumerate(said)]
    for name, part in (("train", lines[:6]), ("eval", lines[6:])):
        text = "\n".join(["audio_file|text|speaker_name", *part])
        (folder / f"metadata_{name}.csv").write_text(text, encoding="utf-8")


def transcripts(folder: Path, said: list[Clip]) -> None:
    header(folder, said)
    (folder / "metadata.csv").rename(folder / "transcripts.psv")


@pytest.mark.parametrize("layout", [header, ljspeech, coqui, transcripts])
def test_prepare_then_train(
    workplace: Path,
    tiny: Callable[..., object],
    plan: PreparationPlan,
    said: list[Clip],
    layout: Callable[[Path, list[Clip]], None],
) -> None:
    from xttslab.training.run import train

    source = workplace / "source"
    for number, clip in enumerate(said):
        write_audio(source / "wavs" / f"{number}.wav", read_audio(clip.audio))
    layout(source, said)
    folder = Folder(workplace / "data" / "new")
    prepare(source, folder, plan)
    assert [clip.text for clip in folder.rows("hu")] == [clip.text for clip in said]
    if layout is coqui:
        assert [clip.split for clip in folder.rows("hu")] == ["train"] * 6 + ["eval"] * 2
    sources = ("~dataset.sources.milliomos", "+dataset.sources.new=data/new", "dataset.name=new")
    loss = train(tiny(*sources, "trainer.max_epochs=1", "run_name=new"))
    assert np.isfinite(loss)
    rows = (workplace / "outputs/new/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert "eval/new/mel_ce" in json.loads(rows[-1])
