"""Samples of every epoch: which sentences, in whose voice, once, and on one page."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf

from xttslab.errors import UserError
from xttslab.training.run import train


def test_samples_are_spoken_before_training_and_every_n_epochs(workplace: Path, tiny) -> None:
    train(tiny("run_name=said", "samples.every_n_epochs=2", "trainer.max_epochs=3"))
    folder = Path("outputs/said/samples")
    assert sorted(p.name for p in folder.glob("epoch_*")) == ["epoch_000", "epoch_002", "epoch_003"]
    names = sorted(path.name for path in (folder / "epoch_002").iterdir())
    assert len(names) == 14
    assert names[2] == "03_greeting.wav"
    assert names[9] == "10_tension.wav"
    info = sf.info(folder / "epoch_002/03_greeting.wav")
    assert (info.samplerate, info.channels) == (24_000, 1)
    assert info.frames > 0
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "Nagyszerű teljesítmény!" in page
    assert len(page) > 3 * 14 * 3_000  # the audio is in the page itself


def test_samples_do_not_change_what_is_learned(workplace: Path, tiny) -> None:
    silent = train(tiny("run_name=silent"))
    spoken = train(tiny("run_name=spoken", "samples.every_n_epochs=1"))
    assert silent == spoken


def test_a_sentence_the_model_has_no_room_for_is_named_before_training(
    workplace: Path, tiny
) -> None:
    config = tiny("run_name=long", "samples.every_n_epochs=1")
    config.samples.sentences = [{"category": "neutral", "text": "Hosszú mondat " * 100}]
    with pytest.raises(UserError, match=r"samples.sentences: 'Hosszú .*'… has \d+ tokens, this mo"):
        train(config)
    assert not list(Path("outputs/long/checkpoints").glob("*"))
