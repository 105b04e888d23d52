"""Facts are counted from the tables that `prepare` leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xttslab.data.audio import write_audio
from xttslab.reporting.audit.facts import read_facts


def make_set(folder: Path, rows: list[tuple[str, str, str, float]]) -> Path:
    """A prepared set: (text, category, split, seconds) a clip."""
    manifest = ["audio_file|text|speaker_name|category|language|split|source"]
    measured = ["audio_file|origin|start|end|seconds|snr_db|pitch_hz"]
    for number, (text, category, split, seconds) in enumerate(rows):
        name = f"wavs/{number:02d}.wav"
        write_audio(folder / name, np.zeros(2_205, np.float32))
        manifest.append(f"{name}|{text}|s|{category}|hu|{split}|{folder.name}")
        measured.append(f"{name}|show.wav|{number}|{number + 1}|{seconds}|{30 + number}|")
    (folder / "metadata.csv").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    (folder / "clips.csv").write_text("\n".join(measured) + "\n", encoding="utf-8")
    return folder


def test_clips_groups_and_measures(tmp_path: Path) -> None:
    facts = read_facts(
        make_set(
            tmp_path / "show",
            [
                ("Jó napot!", "greeting", "eval", 2.0),
                ("Szia!", "greeting", "train", 4.0),
                ("Mi?", "question?", "train", 6.0),
            ],
        )
    )
    assert facts.minutes == pytest.approx(0.2)
    groups = facts.groups(lambda clip: clip.clip.category)
    assert [(g.name, g.clips, g.held_out, g.proposed) for g in groups] == [
        ("greeting", 2, 1, 0),
        ("question", 1, 0, 1),
    ]
    assert groups[0].minutes == pytest.approx(0.1)
    assert facts.values("snr_db") == [30.0, 31.0, 32.0]
    assert facts.values("pitch_hz") == []
    assert facts.clips[1].origin == "show.wav"
    assert facts.clips[1].rate == pytest.approx(5 / 4)
    assert facts.rejected == facts.review == facts.changed == ()


def test_letters_and_sounds_are_counted(tmp_path: Path) -> None:
    facts = read_facts(make_set(tmp_path / "show", [("Csacska 1", "", "train", 2.0)]))
    assert facts.hungarian
    assert (facts.letters()["c"], facts.letters()["a"], facts.letters()["ű"]) == (2, 2, 0)
    assert (facts.sounds()["tʃ"], facts.sounds()["ɟ"], facts.sounds()["yː"]) == (2, 1, 0)


def test_text_that_does_not_fit_its_length_stands_out(tmp_path: Path) -> None:
    rows = [("x" * (30 + n), "", "train", 2.0) for n in range(12)]
    rows += [("x" * 150, "", "train", 2.0), ("x" * 5, "", "train", 2.0)]
    odd = read_facts(make_set(tmp_path / "show", rows)).odd_rates()
    assert [(clip.clip.audio.stem, score > 0) for clip, score in odd] == [
        ("13", False),
        ("12", True),
    ]


def test_few_or_empty_texts_have_no_outliers(tmp_path: Path) -> None:
    rows = [("", "", "train", 2.0)] * 6 + [("x", "", "train", 2.0)]
    assert read_facts(make_set(tmp_path / "show", rows)).odd_rates() == []
