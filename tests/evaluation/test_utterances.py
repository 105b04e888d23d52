"""The sentences that are shipped, and the utterances that are made of sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import CONF, sampling
from xttslab.errors import UserError
from xttslab.evaluation.subject import Subject
from xttslab.evaluation.utterances import (
    Order,
    Sentences,
    Utterance,
    orders_for,
    plan_utterances,
    read_sentences,
    renamed,
    speak_utterances,
)
from xttslab.model.base import ASSETS
from xttslab.model.tokenizer import Tokenizer
from xttslab.model.voice import Speaking
from xttslab.speaking.speaker import Speaker
from xttslab.text.hungarian import spell_out

FEW = Sentences(
    "hu", "neutral", {"greeting": ["Jó!", "Szia!"], "tension": ["Most."]}, {"short": ["Nem."]}, ""
)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("evaluate")
    return OmegaConf.to_container(config.sentences, resolve=True)


def test_the_shipped_sentences_make_a_hundred_takes(shipped: dict[str, Any]) -> None:
    sentences = read_sentences(shipped, "hu")
    utterances, left_out = plan_utterances(sentences, sorted(sentences.categories), [7, 8])
    assert (len(utterances), left_out) == (100, [])
    assert len({utterance.name for utterance in utterances}) == 100
    assert len({utterance.text for utterance in utterances}) == 50
    assert all(1 <= len(text.split()) <= 3 for text in sentences.sets["short"])
    assert all(any(c.isdigit() for c in text) for text in sentences.sets["numbers"])


def test_the_long_text_lasts_three_minutes(shipped: dict[str, Any]) -> None:
    letters = sum(character.isalpha() for character in shipped["long"])
    pauses = 0.35 * shipped["long"].count(".") + 0.35 * shipped["long"].count("\n\n")
    assert 170 <= letters / 13 + pauses <= 210  # 13 letters a second is usual Hungarian


def test_every_shipped_text_can_be_spoken(shipped: dict[str, Any]) -> None:
    tokenizer = Tokenizer(ASSETS / "xtts_mini" / "vocab.json")
    texts = [*shipped["categories"].values(), *shipped["sets"].values(), [shipped["long"]]]
    for text in (text for group in texts for text in group):
        assert len(tokenizer.encode(spell_out(text), "hu")) > 2


def test_texts_without_a_tone_are_spoken_after_the_neutral_reference() -> None:
    utterances, _ = plan_utterances(FEW, ["greeting", "neutral", "tension"], [7])
    assert [(utterance.name, utterance.category, utterance.after) for utterance in utterances] == [
        ("greeting_01_s7", "greeting", "greeting"),
        ("greeting_02_s7", "greeting", "greeting"),
        ("tension_01_s7", "tension", "tension"),
        ("short_01_s7", "", "neutral"),
    ]


def test_a_category_without_reference_is_left_out_and_said() -> None:
    utterances, left_out = plan_utterances(FEW, ["tension"], [7, 8])
    assert left_out == ["greeting"]
    assert {utterance.after for utterance in utterances} == {"tension"}
    assert len(utterances) == 4


def test_nothing_to_speak_is_said(shipped: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"seeds=\[\] leaves nothing to speak"):
        plan_utterances(FEW, ["tension"], [])
    with pytest.raises(UserError, match="no reference recordings; give the data set"):
        plan_utterances(FEW, [], [7])
    with pytest.raises(UserError, match="the sentences are in 'hu', the voice speaks 'en'"):
        read_sentences(shipped, "en")
    with pytest.raises(UserError, match="there are no sentences to speak"):
        read_sentences({**shipped, "categories": {}, "sets": None}, "hu")


TEXTS = ["Jó estét!", "Igen.", "Most minden ezen az egy kérdésen múlik."]
SETTINGS = Speaking(sampling(repetition_penalty=5.0))


def utterances(*texts: str) -> list[Utterance]:
    after = ("greeting", "tension")
    return [
        Utterance(f"{n:02d}", "short", after[n % 2], after[n % 2], text, 7 + n)
        for n, text in enumerate(texts)
    ]


def test_a_take_does_not_depend_on_its_batch(subject: Subject) -> None:
    orders = orders_for(subject.speaker, utterances(*TEXTS), SETTINGS)
    together = speak_utterances(subject.speaker, orders, progress=False)
    for order, clip in zip(orders, together, strict=True):
        alone = speak_utterances(subject.speaker, [order], progress=False)[0]
        assert alone.codes == clip.codes
        np.testing.assert_allclose(alone.audio, clip.audio, atol=1e-4)


def test_a_clip_knows_what_was_to_be_said(subject: Subject) -> None:
    clip = speak_utterances(
        subject.speaker, orders_for(subject.speaker, utterances("Jó!"), SETTINGS)
    )[0]
    assert (clip.name, clip.text, clip.category) == ("00.wav", "Jó!", "greeting")
    assert (clip.seed, clip.sentence_set, clip.rate) == (7, "short", 24_000)
    assert len(clip.codes) == pytest.approx(clip.seconds * 21.5, abs=2)
    assert renamed([clip], "zero_shot")[0].name == "zero_shot_00.wav"


def test_it_is_what_the_voice_speaks(subject: Subject) -> None:
    speaker = subject.speaker
    utterance = utterances("Jó estét!")[0]
    clip = speak_utterances(speaker, [Order(utterance, SETTINGS)], progress=False)[0]
    latents, embedding = speaker.references.prompt("greeting")
    tokens = speaker.tokenizer.encode("Jó estét!", "hu")
    settings = Speaking(SETTINGS.sampling, seed=7)
    wave = speaker.voice.speak([tokens], [latents], [embedding], settings)[0]
    np.testing.assert_allclose(clip.audio, wave, atol=1e-5)


def test_a_long_text_is_spoken_in_pieces(subject: Subject) -> None:
    text = "Ez az első mondat, amely elég hosszú. " * 10
    clip = speak_utterances(
        subject.speaker, [Order(utterances(text)[0], SETTINGS)], progress=False
    )[0]
    assert clip.codes is None
    assert clip.seconds > 1


def test_a_category_has_its_own_temperature_and_an_order_its_own_recording(
    subject: Subject,
) -> None:
    plain = subject.speaker
    tuned = Speaker(
        plain.voice,
        plain.tokenizer,
        "hu",
        plain.references.by_category,
        temperatures={"tension": 0.6},
    )
    orders = orders_for(tuned, utterances("Jó!", "Jó!"), SETTINGS)
    assert [order.settings.sampling.temperature for order in orders] == [0.75, 0.6]
    other = next(clip.audio for clip in subject.clips if clip.category == "tension")
    default, changed = (
        speak_utterances(
            plain, [Order(utterances("Jó estét!")[0], SETTINGS, path)], progress=False
        )[0]
        for path in (None, other)
    )
    assert not np.array_equal(default.audio[:1000], changed.audio[:1000])


def test_a_text_that_cannot_be_read_is_said(subject: Subject) -> None:
    with pytest.raises(UserError):
        speak_utterances(subject.speaker, [Order(utterances("...")[0], SETTINGS)], progress=False)
