"""Plans which sentences an evaluation speaks with which seeds, and speaks them in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.errors import UserError
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.voice import Speaking
from xttslab.speaking.lines import SpeechLine, SpokenLine
from xttslab.speaking.speaker import Speaker


@dataclass(frozen=True)
class Sentences:
    """`conf/evaluation/sentences.yaml`: texts by category, further sets without a tone to meet,
    spoken after category `reference`, and one `long` text (empty: none)."""

    language: str
    reference: str
    categories: Mapping[str, Sequence[str]]
    sets: Mapping[str, Sequence[str]]
    long: str


@dataclass(frozen=True)
class Utterance:
    """One text, spoken once. `category` is the tone to meet (empty: none), `after` the category
    whose reference it is spoken after, `seed` of its random numbers."""

    name: str
    sentence_set: str
    category: str
    after: str
    text: str
    seed: int


def read_sentences(conf: Mapping[str, Any], language: str) -> Sentences:
    """The sentences as a record; raises UserError when there are none, or in another language
    than the voice's."""
    sentences = Sentences(
        conf["language"],
        conf["reference"],
        conf["categories"] or {},
        conf["sets"] or {},
        conf["long"] or "",
    )
    if not any([*sentences.categories.values(), *sentences.sets.values()]):
        raise UserError("there are no sentences to speak; see conf/evaluation/sentences.yaml")
    if sentences.language != language:
        raise UserError(
            f"the sentences are in {sentences.language!r}, the voice speaks {language!r}; write "
            "conf/evaluation/NAME.yaml and give evaluation@sentences=NAME"
        )
    return sentences


def plan_utterances(
    sentences: Sentences, categories: Sequence[str], seeds: Sequence[int]
) -> tuple[list[Utterance], list[str]]:
    """Every sentence with every seed, for a voice that has references of `categories`.

    Returns the utterances, and the sentences' categories that the voice has no reference for and
    that are therefore not spoken. Raises UserError without seeds or without any reference.
    """
    if not seeds:
        raise UserError("seeds=[] leaves nothing to speak; give one or more, such as seeds=[7,8]")
    if not categories:
        raise UserError("the voice has no reference recordings; give the data set: dataset=NAME")
    neutral = sentences.reference if sentences.reference in categories else categories[0]
    spoken = {name: texts for name, texts in sentences.categories.items() if name in categories}
    groups = [("categories", name, name, texts) for name, texts in spoken.items()]
    groups += [(name, "", neutral, texts) for name, texts in sentences.sets.items()]
    utterances = [
        Utterance(f"{category or group}_{number:02d}_s{seed}", group, category, after, text, seed)
        for group, category, after, texts in groups
        for number, text in enumerate(texts, 1)
        for seed in seeds
    ]
    return utterances, sorted(set(sentences.categories) - set(spoken))


TOGETHER = 25  # pieces in one batch: sentences of like length, so that few wait for the longest


@dataclass(frozen=True)
class Order:
    """An utterance and how to speak it. `recording`: the reference, in place of the category's."""

    utterance: Utterance
    settings: Speaking
    recording: Path | None = None


def speak_utterances(
    speaker: Speaker, orders: Sequence[Order], progress: bool = True
) -> list[SpokenClip]:
    """Speak every order as `say` would, with its utterance's seed, whatever else is in the batch.

    Returns clips at 24 kHz in the orders' order. Codes are kept where a text was spoken in one
    piece. Raises UserError as `Speaker.say` does.
    """
    lines = [
        SpeechLine(
            order.utterance.text,
            replace(order.settings, seed=order.utterance.seed),
            order.utterance.after,
            (order.recording,) if order.recording else (),
        )
        for order in orders
    ]
    spoken = speaker.speak(lines, TOGETHER, progress)
    return [_clip(order.utterance, one) for order, one in zip(orders, spoken, strict=True)]


def orders_for(
    speaker: Speaker, utterances: Sequence[Utterance], settings: Speaking
) -> list[Order]:
    """Each utterance at the temperature found best for its category, where that is known."""
    return [
        Order(utterance, speaker.settings_for(utterance.after, settings))
        for utterance in utterances
    ]


def _clip(utterance: Utterance, sound: SpokenLine) -> SpokenClip:
    wave = sound.wave if sound.decoded is None else sound.decoded
    wave = np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)  # of a model that diverged
    return SpokenClip(
        f"{utterance.name}.wav", wave, SPEECH_RATE, utterance.text, utterance.category,
        utterance.seed, utterance.sentence_set, sound.codes,
    )  # fmt: skip


def renamed(clips: Sequence[SpokenClip], system: str) -> list[SpokenClip]:
    """The clips under names that no other system's have: `zero_shot_greeting_01_s7.wav`."""
    return [replace(clip, name=f"{system}_{clip.name}") for clip in clips]
