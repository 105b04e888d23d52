"""A batch is spoken line by line into files, goes on where it stopped, and is joined in order."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile as sf

from tests.conftest import sampling
from xttslab.errors import UserError
from xttslab.model.voice import Speaking
from xttslab.speaking import batch as batch_module
from xttslab.speaking.batch import BatchOptions
from xttslab.speaking.batch_file import read_batch
from xttslab.speaking.batch_run import run_batch
from xttslab.speaking.reading import show_batch
from xttslab.speaking.speaker import Speaker
from xttslab.text.lexicon import Lexicon, parse_lexicon

SAMPLES = [
    {"id": "one", "segments": [{"text": "Hol van?", "pause_after": 0.5}, "A: Pécs."]},
    {"id": "two", "text": "Igen.", "pause_after": 0.3},
    {"id": "three", "text": "Nem, 12.", "format": "mp3"},
]


@pytest.fixture
def ask(tmp_path: Path) -> BatchOptions:
    settings = Speaking(sampling(), seed=3, trim_babble=False)
    return BatchOptions(tmp_path / "out", settings, frozenset(), ".wav", 200, -1.0)


def speak(speaker: Speaker, ask: BatchOptions, samples: list, join: Path | None = None) -> None:
    path = ask.out.parent / "lines.json"
    path.write_text(json.dumps(samples), encoding="utf-8")
    run_batch(speaker, read_batch(path), replace(ask, joining=join is not None), join, 0.4)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_only_what_is_missing_is_spoken_after_a_stop(
    speaker: Speaker, ask: BatchOptions, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(batch_module, "GROUP", 1)
    with monkeypatch.context() as patched:
        encode, count = batch_module.encode, []

        def stops(*arguments: object) -> bytes:
            count.append(1)
            if len(count) == 3:
                raise KeyboardInterrupt
            return encode(*arguments)

        patched.setattr(batch_module, "encode", stops)
        with pytest.raises(KeyboardInterrupt):
            speak(speaker, ask, SAMPLES)
    first = contents(ask.out)
    assert len(first) == 2
    capsys.readouterr()
    speak(speaker, ask, SAMPLES)
    assert "2 of 3 lines are spoken already" in capsys.readouterr().out
    assert contents(ask.out).items() >= first.items()
    changed = [{**SAMPLES[0]}, {**SAMPLES[1], "text": "Nem."}, SAMPLES[2]]
    before = contents(ask.out)
    speak(speaker, ask, changed)
    assert "1 line spoken" in capsys.readouterr().out
    after = contents(ask.out)
    assert {name for name in after if after[name] != before[name]} == {"two.wav"}


def test_a_recording_that_a_person_made_or_changed_is_never_lost(
    speaker: Speaker, ask: BatchOptions, capsys
) -> None:
    ask.out.mkdir()
    (ask.out / "two.wav").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"two\.wav: exists and is not of this batch"):
        speak(speaker, ask, SAMPLES)
    assert list(contents(ask.out)) == ["two.wav"]
    (ask.out / "two.wav").unlink()
    speak(speaker, ask, SAMPLES)
    sf.write(ask.out / "two.wav", np.full(2400, 0.1), 24_000)
    mine = (ask.out / "two.wav").read_bytes()
    speak(speaker, ask, [SAMPLES[0], {**SAMPLES[1], "text": "Nem."}, SAMPLES[2]])
    assert "two.wav: was changed by hand and is left as it is" in capsys.readouterr().out
    assert (ask.out / "two.wav").read_bytes() == mine


def test_lines_are_joined_with_their_pauses_and_the_sheet_says_where(
    speaker: Speaker, ask: BatchOptions, tmp_path: Path
) -> None:
    speak(speaker, ask, SAMPLES, tmp_path / "show.wav")
    wave, rate = sf.read(tmp_path / "show.wav")
    with (tmp_path / "show_cues.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["one", "two", "three"]
    times = [(float(row["start"]), float(row["end"])) for row in rows]
    assert times[1][0] - times[0][1] == pytest.approx(0.4, abs=0.011)
    assert times[2][0] - times[1][1] == pytest.approx(0.3, abs=0.011)
    assert len(wave) / rate == pytest.approx(times[2][1], abs=0.05)
    entries = list(pysubs2.load(str(tmp_path / "show.srt")))
    assert [entry.plaintext for entry in entries] == ["Hol van?", "A: Pécs.", "Igen.", "Nem, 12."]
    assert (entries[1].start - entries[0].end) / 1000 == pytest.approx(0.5, abs=0.011)
    assert entries[3].start / 1000 == pytest.approx(times[2][0], abs=0.002)
    assert (ask.out / ".say" / "three.mp3.flac").is_file()
    speak(speaker, ask, SAMPLES, tmp_path / "again.wav")
    np.testing.assert_array_equal(sf.read(tmp_path / "again.wav")[0], wave)


def test_bad_rows_stop_it_unless_the_rest_is_wanted(
    speaker: Speaker, ask: BatchOptions, capsys
) -> None:
    samples = [SAMPLES[1], {"id": "x", "text": "Jó.", "category": "fear"}, {"text": "<s>"}]
    with pytest.raises(UserError) as caught:
        speak(speaker, ask, samples)
    assert str(caught.value).startswith("lines.json sample 3: SSML is not well-formed")
    assert str(caught.value).endswith("(1 more like it); keep_going=true speaks the other lines")
    assert not ask.out.exists()
    with pytest.raises(UserError, match="2 of 3 lines could not be spoken; the first: lines"):
        speak(speaker, replace(ask, keep_going=True), samples)
    assert "left out: lines.json sample 2 'x': category=fear: the data has no" in (
        capsys.readouterr().out
    )
    assert list(contents(ask.out)) == ["two.wav"]


def test_references_for_all_lines_that_are_missing_are_said(
    speaker: Speaker, ask: BatchOptions, capsys
) -> None:
    config = {"references": ["gone.wav"], "language": "hu-HU"}
    speak(speaker, ask, {"generation_config": config, "samples": SAMPLES[1:2]})
    said = capsys.readouterr().out
    assert "gone.wav; lines are spoken after the voice's own references" in said
    with pytest.raises(UserError, match="the batch is in 'en', the voice speaks 'hu'"):
        speak(speaker, ask, {"generation_config": {"language": "en"}, "samples": SAMPLES[1:2]})
    with pytest.raises(UserError, match=r"sample 1: .*gone\.wav: no such audio file"):
        speak(speaker, ask, [{"text": "Jó.", "references": "gone.wav"}])


def test_settings_of_a_row_go_before_the_command_lines_and_those_before_the_files(
    speaker: Speaker, ask: BatchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    monkeypatch.setattr(batch_module, "speak_lines", lambda *a: heard.append(a[1]) or [])
    from xttslab.speaking.batch import plan_batch

    path = ask.out.parent / "lines.json"
    config = {"speed": 0.9, "seed": 4, "temperature": 0.3}
    samples = [{"text": "Jó.", "seed": 5}, {"text": "Nem."}]
    path.write_text(json.dumps({"config": config, "samples": samples}), encoding="utf-8")
    planned, _, _ = plan_batch(speaker, read_batch(path), replace(ask, fixed=frozenset(["speed"])))
    found = [one.speech.settings for one in planned]
    assert [settings.speed for settings in found] == [1.0, 1.0]
    assert [settings.seed for settings in found] == [5, 4]
    assert {settings.sampling.temperature for settings in found} == {0.3}


def test_what_will_be_read_is_shown_with_what_changed(tmp_path: Path, capsys) -> None:
    (tmp_path / "b.csv").write_text(
        "id|text\nq1|Shakespeare 12 műve. [pause 1s] B: Pécs", encoding="utf-8"
    )
    rows = parse_lexicon([(1, "Shakespeare|sékszpír")], "lexicon.csv")
    show_batch(read_batch(tmp_path / "b.csv"), Lexicon(rows), "hu", 200, False)
    assert capsys.readouterr().out.splitlines() == [
        "q1:",
        "  Sékszpír tizenkét műve. [pause 1s]",
        "  bé: Pécs",
        "    Shakespeare 12 → Sékszpír tizenkét (lexicon)",
        "    B → bé",
    ]


def test_the_joined_recording_is_no_line_of_its_own(speaker: Speaker, ask: BatchOptions) -> None:
    with pytest.raises(UserError, match=r"join=.*Two\.wav: is the recording of line 'two' too"):
        speak(speaker, ask, SAMPLES, ask.out / "Two.wav")
    assert not ask.out.exists()
