"""The sentences of an evaluation, and the speech that a voice makes of them, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xttslab.errors import UserError
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.generation import generate
from xttslab.model.sampling import Sentence
from xttslab.model.voice import Speaking, finished_at
from xttslab.speaking.pieces import Piece, join
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
    """A utterance and how to speak it. `recording`: the reference, in place of the category's."""

    utterance: Utterance
    settings: Speaking
    recording: Path | None = None


@dataclass(frozen=True)
class _Job:
    """One piece of an order: its place, its tokens, and the pause after it."""

    order: int
    place: int
    tokens: np.ndarray
    piece: Piece


@dataclass(frozen=True)
class _Spoken:
    wave: np.ndarray
    codes: tuple[int, ...]


def speak_utterances(
    speaker: Speaker, orders: Sequence[Order], progress: bool = True
) -> list[SpokenClip]:
    """Speak every order as `say` would, with its utterance's seed, whatever else is in the batch.

    Returns clips at 24 kHz in the orders' order. Codes are kept where a text was spoken in one
    piece. Raises UserError as `Speaker.say` does.
    """
    jobs = [job for number, order in enumerate(orders) for job in _jobs(speaker, number, order)]
    spoken: dict[tuple[int, int], _Spoken] = {}
    for batch in _shown(list(_batches(jobs, orders)), progress):
        for job, found in zip(batch, _speak(speaker, batch, orders), strict=True):
            spoken[job.order, job.place] = found
    return [
        _clip(order.utterance, [job for job in jobs if job.order == number], spoken)
        for number, order in enumerate(orders)
    ]


def orders_for(
    speaker: Speaker, utterances: Sequence[Utterance], settings: Speaking
) -> list[Order]:
    """Each utterance at the temperature found best for its category, where that is known."""
    return [
        Order(utterance, speaker.settings_for(utterance.after, settings))
        for utterance in utterances
    ]


def _jobs(speaker: Speaker, number: int, order: Order) -> list[_Job]:
    pieces = speaker.pieces(order.utterance.text)
    return [
        _Job(number, place, speaker.tokenizer.encode(piece.text, speaker.language), piece)
        for place, piece in enumerate(pieces)
    ]


def _batches(jobs: Sequence[_Job], orders: Sequence[Order]) -> Iterator[list[_Job]]:
    """Pieces of like length that are sampled by the same rules."""
    for rules in dict.fromkeys(order.settings for order in orders):
        alike = [job for job in jobs if orders[job.order].settings == rules]
        alike.sort(key=lambda job: len(job.tokens))
        for first in range(0, len(alike), TOGETHER):
            yield alike[first : first + TOGETHER]


def _speak(speaker: Speaker, batch: Sequence[_Job], orders: Sequence[Order]) -> list[_Spoken]:
    voice, settings = speaker.voice, orders[batch[0].order].settings
    heard = [
        speaker.reference(orders[job.order].utterance.after, orders[job.order].recording)
        for job in batch
    ]
    sentences = [
        # far from other utterances' seeds: pieces of a long text must not repeat their numbers
        Sentence(
            job.tokens,
            latents,
            voice.limit(len(job.tokens)),
            orders[job.order].utterance.seed + 1000 * job.place,
        )
        for job, (latents, _) in zip(batch, heard, strict=True)
    ]
    found = []
    spoken = generate(voice.gpt, sentences, settings.sampling)
    for job, one, (_, embedding) in zip(batch, spoken, heard, strict=True):
        order = orders[job.order]
        end = finished_at(one) if settings.trim_babble else len(one.codes)
        pace = speaker.pace(settings, order.utterance.after, order.recording)
        (wave,) = speaker.decode([one], embedding, settings, pace)
        found.append(_Spoken(wave, tuple(one.codes[:end].tolist())))
    return found


def _clip(
    utterance: Utterance, jobs: Sequence[_Job], spoken: dict[tuple[int, int], _Spoken]
) -> SpokenClip:
    parts = [spoken[job.order, job.place] for job in jobs]
    wave, codes = parts[0].wave, parts[0].codes or None
    if len(parts) > 1:
        pauses = [job.piece.pause for job in jobs]
        wave, codes = join([part.wave for part in parts], pauses, SPEECH_RATE), None
    wave = np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)  # of a model that diverged
    return SpokenClip(
        f"{utterance.name}.wav", wave, SPEECH_RATE, utterance.text, utterance.category,
        utterance.seed, utterance.sentence_set, codes,
    )  # fmt: skip


def _shown(batches: Sequence[list[_Job]], progress: bool) -> Sequence[list[_Job]]:
    from rich import get_console
    from rich.progress import track

    if not progress or len(batches) < 2 or not get_console().is_terminal:
        return batches

    return track(batches, description="speaking", transient=True)


def renamed(clips: Sequence[SpokenClip], system: str) -> list[SpokenClip]:
    """The clips under names that no other system's have: `zero_shot_greeting_01_s7.wav`."""
    return [replace(clip, name=f"{system}_{clip.name}") for clip in clips]
