"""The sentences that are shipped, and the takes that are made of sentences."""

from __future__ import annotations

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import CONF
from xttslab.data.hungarian import spell_out
from xttslab.errors import UserError
from xttslab.judging.sentences import Sentences, plan_takes, read_sentences
from xttslab.model.base import ASSETS
from xttslab.model.tokenizer import Tokenizer

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
    takes, left_out = plan_takes(sentences, sorted(sentences.categories), [7, 8])
    assert (len(takes), left_out) == (100, [])
    assert len({take.name for take in takes}) == 100
    assert len({take.text for take in takes}) == 50
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
    takes, _ = plan_takes(FEW, ["greeting", "neutral", "tension"], [7])
    assert [(take.name, take.category, take.after) for take in takes] == [
        ("greeting_01_s7", "greeting", "greeting"),
        ("greeting_02_s7", "greeting", "greeting"),
        ("tension_01_s7", "tension", "tension"),
        ("short_01_s7", "", "neutral"),
    ]


def test_a_category_without_reference_is_left_out_and_said() -> None:
    takes, left_out = plan_takes(FEW, ["tension"], [7, 8])
    assert left_out == ["greeting"]
    assert {take.after for take in takes} == {"tension"}
    assert len(takes) == 4


def test_nothing_to_speak_is_said(shipped: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"seeds=\[\] leaves nothing to speak"):
        plan_takes(FEW, ["tension"], [])
    with pytest.raises(UserError, match="no reference recordings; give the data set"):
        plan_takes(FEW, [], [7])
    with pytest.raises(UserError, match="the sentences are in 'hu', the voice speaks 'en'"):
        read_sentences(shipped, "en")
    with pytest.raises(UserError, match="there are no sentences to speak"):
        read_sentences({**shipped, "categories": {}, "sets": None}, "hu")
