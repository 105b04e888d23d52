"""The configured sentences and a voice's categories in; what is spoken, take by take, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xttslab.errors import UserError


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
class Take:
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


def plan_takes(
    sentences: Sentences, categories: Sequence[str], seeds: Sequence[int]
) -> tuple[list[Take], list[str]]:
    """Every sentence with every seed, for a voice that has references of `categories`.

    Returns the takes, and the sentences' categories that the voice has no reference for and that
    are therefore not spoken. Raises UserError without seeds or without any reference.
    """
    if not seeds:
        raise UserError("seeds=[] leaves nothing to speak; give one or more, such as seeds=[7,8]")
    if not categories:
        raise UserError("the voice has no reference recordings; give the data set: dataset=NAME")
    neutral = sentences.reference if sentences.reference in categories else categories[0]
    spoken = {name: texts for name, texts in sentences.categories.items() if name in categories}
    groups = [("categories", name, name, texts) for name, texts in spoken.items()]
    groups += [(name, "", neutral, texts) for name, texts in sentences.sets.items()]
    takes = [
        Take(f"{category or group}_{number:02d}_s{seed}", group, category, after, text, seed)
        for group, category, after, texts in groups
        for number, text in enumerate(texts, 1)
        for seed in seeds
    ]
    return takes, sorted(set(sentences.categories) - set(spoken))
