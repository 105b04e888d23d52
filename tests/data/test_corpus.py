"""Audio files: read once, read again when changed, and a memory that may be damaged."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tests.conftest import make_clips, spoken
from xttslab.data import corpus as audio_files
from xttslab.data.audio import content_hash, write_audio
from xttslab.data.corpus import AudioFiles, Corpus, load_corpus
from xttslab.data.manifest import ClipLimits, require_folders
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


class Letters:
    """A reader that knows the letters a to z and Hungarian's."""

    def encode(self, text: str, language: str) -> np.ndarray:
        strange = [sign for sign in text if not (sign.isalpha() or sign in " .,?!")]
        if strange:
            raise UserError(f"{text!r}: the vocabulary lacks {strange[0]!r}; write it as words")
        return np.array([ord(letter) % 70 for letter in text])


def load(*folders: Path, codes: int = 604) -> Corpus:
    sources = {folder.name: str(folder) for folder in folders}
    memory = folders[0].parent / "audio_files.json"
    return load_corpus("set", sources, "hu", Letters(), ClipLimits(400, codes), memory, 5.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_clips(tmp_path / "milliomos", "milliomos", ["greeting", "tension"])
    return tmp_path / "milliomos"


def append(folder: Path, name: str, samples: np.ndarray, text: str = "Jó estét.") -> None:
    write_audio(folder / "wavs" / name, samples)
    add_row(folder, name, text)


def add_row(folder: Path, name: str, text: str = "Jó estét.", category: str = "greeting") -> None:
    with (folder / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(f"wavs/{name}|{text}|beszélő|{category}|hu|train|milliomos\n")


def test_a_corpus_knows_its_split_and_its_fingerprint(folder: Path) -> None:
    corpus = load(folder)
    assert len(corpus.clips) == 10
    assert len(corpus.eval) == 2  # one of every category that has three
    assert {corpus.clips[row].category for row in corpus.eval} == {"greeting", "tension"}
    again = load(folder)
    assert again.fingerprint == corpus.fingerprint
    add_row(folder, "000.wav")  # stands twice: rejected, so nothing changes
    assert load(folder).fingerprint == corpus.fingerprint
    assert "stands twice" in load(folder).rejected[0].reason


@pytest.mark.parametrize(
    ("samples", "text", "reason"),
    [
        (np.zeros(0, np.float32), "Jó estét.", "shorter than 0.5 s"),
        (spoken(0.2, 100, 0), "Jó estét.", "shorter than 0.5 s"),
        (spoken(40, 100, 0), "Jó estét.", "longer than the model's 28.0 s; cut it"),
        (spoken(1, 100, 0), "Jó " * 150, "text longer than 400 tokens; cut the clip"),
        (spoken(1, 100, 0), "Jó ☃ estét.", "the vocabulary lacks '☃'; write it as words"),
    ],
)
def test_unusable_clips_are_rejected_with_a_reason(
    folder: Path, samples: np.ndarray, text: str, reason: str
) -> None:
    append(folder, "bad.wav", samples, text)
    corpus = load(folder)
    assert len(corpus.clips) == 10
    (rejection,) = corpus.rejected
    assert rejection.audio_file.endswith("bad.wav")
    assert reason in rejection.reason


def test_the_longest_clip_is_what_the_model_has_positions_for(folder: Path) -> None:
    append(folder, "long.wav", spoken(3, 100, 0))  # 65 codes
    assert len(load(folder, codes=65).clips) == 11
    corpus = load(folder, codes=64)
    assert len(corpus.clips) == 10
    assert corpus.rejected[0].reason == "longer than the model's 3.0 s; cut it"


def test_corrupt_and_missing_audio_are_rejected(folder: Path) -> None:
    (folder / "wavs/broken.wav").write_bytes(b"RIFF not audio at all")
    add_row(folder, "broken.wav")
    add_row(folder, "gone.wav")
    reasons = [rejection.reason for rejection in load(folder).rejected]
    assert any("no such audio file" in reason for reason in reasons)
    assert any("cannot be decoded" in reason and "re-encode" in reason for reason in reasons)


def test_a_telephone_stereo_clip_is_used(folder: Path) -> None:
    sf.write(folder / "wavs/phone.wav", np.zeros((8000, 2), np.float32), 8000)
    add_row(folder, "phone.wav")
    corpus = load(folder)
    assert len(corpus.clips) == 11
    assert corpus.seconds[-1] == pytest.approx(1.0)


def test_a_category_with_an_accent_is_refused_with_its_slug(folder: Path) -> None:
    add_row(folder, "000.wav", category="kérdés")
    (folder / "wavs/new.wav").write_bytes((folder / "wavs/000.wav").read_bytes())
    add_row(folder, "new.wav", category="kérdés")
    with pytest.raises(
        UserError, match=r"metadata.csv line \d+: category 'kérdés'.*write 'kerdes'"
    ):
        load(folder)


def test_a_set_without_eval_clips_says_how_to_get_them(tmp_path: Path) -> None:
    make_clips(tmp_path / "small", "small", ["greeting"], each=2)
    with pytest.raises(UserError, match=r"no clip is marked eval; add clips.*split column"):
        load(tmp_path / "small")


def test_a_category_with_one_clip_is_trained_on(folder: Path) -> None:
    append_category = spoken(1.0, 111, 99)
    write_audio(folder / "wavs/one.wav", append_category)
    add_row(folder, "one.wav", category="confirmation")
    corpus = load(folder)
    row = next(r for r, clip in enumerate(corpus.clips) if clip.category == "confirmation")
    assert row in corpus.train
    assert corpus.references("confirmation")[0] == row
    assert len(corpus.references("confirmation")) == 2  # the second borrows another category


def test_a_missing_folder_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"xttslab.prepare dataset=blikk source=PATH`"):
        require_folders("combined", {"blikk": str(tmp_path / "nowhere")})
    with pytest.raises(UserError, match=r"xttslab.prepare dataset=demo_blikk`"):
        require_folders("demo", {"demo_blikk": str(tmp_path / "nowhere")})


def test_companions_are_of_the_same_voice_and_category(folder: Path) -> None:
    corpus = load(folder)
    for (speaker, category), rows in corpus.companions().items():
        assert speaker == "beszélő"
        assert set(rows) <= set(corpus.train)
        assert {corpus.clips[row].category for row in rows} == {category}


def test_sources_keep_their_clips(folder: Path, tmp_path: Path) -> None:
    make_clips(tmp_path / "blikk", "blikk", ["neutral"])
    corpus = load(folder, tmp_path / "blikk")
    assert [clip.source for clip in corpus.clips] == ["milliomos"] * 10 + ["blikk"] * 5
    assert corpus.clips[corpus.references("neutral", "blikk")[0]].source == "blikk"


def holding_out(corpus: Corpus, *texts: tuple[str, str]) -> Corpus:
    """The corpus with these (text, source) held out, as its first rows."""
    held = [
        replace(corpus.clips[row], text=text, source=source, split="eval")
        for row, (text, source) in enumerate(texts)
    ]
    others = [replace(clip, split="train") for clip in corpus.clips[len(texts) :]]
    tokens = tuple(Letters().encode(clip.text, "hu") for clip in (*held, *others))
    return replace(corpus, clips=(*held, *others), tokens=tokens)


def test_the_other_text_is_the_next_one_of_the_source_that_differs(folder: Path) -> None:
    corpus = holding_out(load(folder), ("Jó.", "a"), ("Jó.", "a"), ("Nem.", "a"), ("Kész.", "b"))
    assert corpus.other_texts == {0: 2, 1: 2, 2: 0, 3: 0}  # alone in its source: of any
    same = holding_out(load(folder), ("Jó.", "a"), ("Jó.", "b"))
    assert same.other_texts == {}
