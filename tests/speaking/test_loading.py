"""References that a search chose for a run: kept, read back, and used where they still are."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from tests.conftest import make_clips, sampling
from xttslab.data.audio import SAMPLE_RATE, write_audio
from xttslab.data.corpus import load_corpus
from xttslab.data.manifest import ClipLimits, read_folder
from xttslab.errors import UserError
from xttslab.evaluation.reference_search import candidates
from xttslab.evaluation.subject import Subject
from xttslab.model.base import BEST, RECORD
from xttslab.speaking.chosen import FILE, Chosen, read_chosen, write_chosen
from xttslab.speaking.loading import best_references, load_run, speaker_of
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import Started
from xttslab.training.samples import sample_plan


class Letters:
    """A tokenizer with one token a letter."""

    def encode(self, text: str, language: str) -> np.ndarray:
        return np.array([ord(letter) for letter in text])


BASE = SimpleNamespace(
    name="xtts_mini",
    gpt=SimpleNamespace(clip_limits=ClipLimits(58, 604), eval=lambda: None),
    tokenizer=Letters(),
    voice=lambda: SimpleNamespace(gpt=BASE.gpt),
)


def make_set(folder: Path, rows: list[tuple[str, float, str]]) -> None:
    """A prepared folder with training clips of noise: name, seconds, text."""
    noise = np.random.default_rng(0).normal(0, 0.1, 8 * SAMPLE_RATE).astype(np.float32)
    lines = ["audio_file|text|speaker_name|category|language|split|source"]
    for name, seconds, text in rows:
        write_audio(folder / "wavs" / name, noise[: int(seconds * SAMPLE_RATE)])
        lines.append(f"wavs/{name}|{text}|anna|greeting|hu|train|{folder.name}")
    write_audio(folder / "wavs/held.wav", noise[: 6 * SAMPLE_RATE])
    lines.append(f"wavs/held.wav|Held out.|anna|greeting|hu|eval|{folder.name}")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")


def test_samples_say_export_and_evaluate_speak_after_the_same_clip(tmp_path: Path) -> None:
    """The first usable training clip of those nearest to six seconds, whatever its name."""
    make_set(tmp_path / "first", [("far.wav", 3.0, "Jó."), ("z.wav", 5.0, "Jó napot.")])
    long = "Hosszú szöveg. " * 5  # more tokens than the model takes: not trained on
    second = [("long.wav", 6.0, long), ("broken.wav", 6.0, "Igen."), ("a.wav", 7.0, "Jó estét.")]
    make_set(tmp_path / "second", second)
    (tmp_path / "second/wavs/broken.wav").write_bytes(b"RIFF")
    sources = {name: str(tmp_path / name) for name in ("first", "second")}
    expected = tmp_path / "first/wavs/z.wav"  # as far from six seconds as a.wav, and before it

    memory = tmp_path / "audio_files.json"
    corpus = load_corpus("both", sources, "hu", Letters(), BASE.gpt.clip_limits, memory, None)
    samples = {
        "sentences": [{"category": "greeting", "text": "Szia!"}],
        "seed": 7,
        "every_n_epochs": 1,
        **vars(sampling()),
    }
    assert sample_plan(samples, corpus).references == {"greeting": expected}
    speaker = speaker_of(BASE, "hu", sources)  # of `say`, and of `evaluate` and its base
    assert speaker.references.by_category == {"greeting": [expected]}
    assert best_references(BASE, sources, "hu", None)[0] == {"greeting": [expected]}  # `export`
    clips = [clip for name in sources for clip in read_folder(tmp_path / name, name)[0]]
    usual = Subject("run", speaker, tuple(clips), sources).usual_references()
    assert usual == {"greeting": expected}
    tried = candidates(corpus.clips, "greeting", expected, 0.75, 3)
    assert [one.recording.name for one in tried] == ["z.wav", "a.wav", "far.wav"]


def test_a_choice_is_read_back(tmp_path: Path) -> None:
    clip = make_clips(tmp_path / "set", "set", ["greeting"])[0].audio
    chosen = {"greeting": Chosen((clip,), 0.65, 7.25)}
    assert write_chosen(tmp_path, chosen) == tmp_path / FILE
    assert read_chosen(tmp_path) == chosen


def test_a_choice_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    clip = make_clips(tmp_path / "set", "set", ["greeting"])[0].audio
    stored = {"greeting": {"recordings": [str(clip)], "temperature": 0.65, "mark": 7.25}}
    (tmp_path / FILE).write_text(yaml.safe_dump(stored), encoding="utf-8")
    assert read_chosen(tmp_path) == {"greeting": Chosen((clip,), 0.65, 7.25)}


def test_a_voice_says_words_as_its_data_and_its_run_do(tmp_path: Path) -> None:
    make_clips(tmp_path / "set", "set", ["greeting"])
    (tmp_path / "set" / "lexicon.csv").write_text("Bach|bah\nVerdi|vérdi\n", encoding="utf-8")
    sources = {"set": str(tmp_path / "set"), "gone": str(tmp_path / "gone")}
    assert speaker_of(BASE, "hu", sources).lexicon.apply("Bach, Verdi") == "Bah, Vérdi"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lexicon.csv").write_text("Bach|bakh\n", encoding="utf-8")
    speaker = speaker_of(BASE, "hu", sources, tmp_path / "run")
    assert speaker.lexicon.apply("Bach, Verdi") == "Bakh, Vérdi"
    assert speaker.origin.run == "run"


def test_a_category_may_be_spoken_after_several_of_its_clips(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "set", "set", ["greeting"])
    greetings = [clip.audio for clip in clips if clip.category == "greeting"]
    found, _ = best_references(BASE, {"set": str(tmp_path / "set")}, "hu", None, 2)
    assert len(found["greeting"]) == min(2, len(greetings))
    assert set(found["greeting"]) <= set(greetings)
    write_chosen(tmp_path, {"greeting": Chosen((greetings[-1],), 0.65, 7.0)})
    chosen, _ = best_references(BASE, {"set": str(tmp_path / "set")}, "hu", tmp_path, 2)
    assert chosen["greeting"][0] == greetings[-1]
    assert len(set(chosen["greeting"])) == len(found["greeting"])


def test_a_run_without_a_choice_has_none(tmp_path: Path) -> None:
    assert read_chosen(tmp_path) == {}


def test_a_choice_goes_before_the_typical_clip(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "set", "set", ["greeting", "tension"])
    own = clips[2].audio
    write_chosen(tmp_path, {"greeting": Chosen((own,), 0.65, 7.0)})
    sources = {"set": str(tmp_path / "set")}
    typical, _ = best_references(BASE, sources, "hu", None)
    found, temperatures = best_references(BASE, sources, "hu", tmp_path)
    assert found == {**typical, "greeting": [own]}
    assert temperatures == {"greeting": 0.65}


def test_a_recording_that_is_gone_is_said_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_chosen(tmp_path, {"greeting": Chosen((tmp_path / "gone.wav",), 0.65, 7.0)})
    with caplog.at_level(logging.WARNING):
        assert read_chosen(tmp_path) == {}
    assert "gone.wav is gone" in caplog.text


@pytest.mark.parametrize("content", ["[1]", "greeting: {temperature: 1}", "greeting: [", "a: 1"])
def test_a_damaged_file_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=r"references\.yaml: is damaged .*search=references"):
        read_chosen(tmp_path)


def test_a_choice_goes_with_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clips(tmp_path / "before/data/quiz", "quiz", ["greeting"])[0].audio
    run_dir = tmp_path / "before/outputs/run"
    run_dir.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "before")
    write_chosen(run_dir, {"greeting": Chosen((clip,), 0.65, 7.0)})
    assert f"../../data/quiz/{clip.parent.name}/{clip.name}" in (run_dir / FILE).read_text("utf-8")
    (tmp_path / "before").rename(tmp_path / "after")
    found = read_chosen(tmp_path / "after/outputs/run")["greeting"].recordings
    assert found == (tmp_path / "after" / clip.relative_to(tmp_path / "before"),)


@pytest.mark.parametrize("rest", ["tracking", "record", "nothing"])
def test_a_run_without_its_configuration_was_deleted_in_part(tmp_path: Path, rest: str) -> None:
    run = tmp_path / "outputs/kviz"
    best = run / "checkpoints" / BEST
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    if rest == "tracking":
        Journal(run).create()
        Journal(run).append(Started("key", "kviz", "xttslab", {}, 0))
    elif rest == "record":
        (best.parent / RECORD).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_run(str(best))
    if rest == "nothing":
        message = f"{best}: lies in no run's folder (no config.yaml); make it a run with `python"
    else:
        message = f"{run / 'config.yaml'}: is missing, though {run} holds other files of a run; it"
    assert str(refused.value).startswith(message)
