"""Finds texts that are shorter or longer than what is said in their clips.

The phones of a text are aligned with the sound of its clip, by models that are learnt from the set
itself (see `phones`). Twice the text is allowed to miss a part, at the end and at the beginning:
once the sound may go on without it, once the text may stop before it is all said. Where one of
these is more likely than the whole text by enough nats (the likelihood ratio of Neyman and Pearson,
Philosophical Transactions of the Royal Society A 231, 1933), the text does not fit. What a
recogniser hears is compared with the text in the same way, letter by letter, where one is there.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic import dataclasses as checked
from rapidfuzz.distance import Levenshtein

from xttslab.data.preparing.phones import (
    SOUND_HZ,
    STATES,
    PhoneModels,
    best_paths,
    learn_phones,
    observations,
    phones_of,
)
from xttslab.progress import doing
from xttslab.text.hungarian import letters

ENDS_EARLY, GOES_ON = "text_ends_early", "text_goes_on"
MISFITS = {
    ENDS_EARLY: "more is said than the text has",
    GOES_ON: "the text has more than is said",
}
_ENOUGH = 1200 * SOUND_HZ  # frames of sound from which phones are learnt
_LEAST_PER_PHONE = 50  # frames; a script with a sign for each word has fewer
_IMPOSSIBLE = 1e3  # nats
_WIDTH = 1.0  # right texts reach as far above the median as the lower quartile is below it
_NATS_A_LETTER = 4.0  # that a letter counts which only the recogniser, or only the text, has
_MOST_HEARD = 40.0  # nats that a recogniser counts for in all, as it mishears, too
Words = Sequence[tuple[str, Sequence[str]]]  # each with its phones


class SpokenText(NamedTuple):
    """A clip's text, its `phones.sound_frames`, and what a recogniser heard."""

    text: str
    language: str
    sound: np.ndarray | None
    heard: str | None = None


class Misfit(NamedTuple):
    """A clip (by position) whose text is not all that is said, or more; `value` says how much."""

    row: int
    kind: str
    value: str


class Part(NamedTuple):
    """A part at the end of a clip, or at its beginning, that sound and text do not share: by how
    many nats it is likelier than that they do, how much of the whole it is, and its words."""

    kind: str
    nats: float
    share: float
    at_end: bool
    words: str = ""


@checked.dataclass(frozen=True)
class TextCoverage:
    """When a text counts as too short or too long. `nats`: how much likelier that has to be than
    the whole text; `least_share`: of speech or text, below which nothing is said; `fewest`: clips
    of a language whose phones are learnt."""

    nats: PositiveFloat
    least_share: Annotated[float, Field(gt=0, lt=1)]
    fewest: PositiveInt

    def misfits(self, clips: Sequence[SpokenText]) -> list[Misfit]:
        """The texts of a set that do not fit, in its order."""
        found = []
        for row, part in self.parts(clips):
            if part.nats > self.nats:
                found.append(Misfit(row, part.kind, _value(part)))
        return sorted(found)

    def parts(self, clips: Sequence[SpokenText]) -> Iterator[tuple[int, Part]]:
        """For every clip that can be judged, by position, the part that most likely is missing or
        too much."""
        doing("compare texts with what is said")
        for rows in _by_language(clips):
            texts = [phones_of(clips[row].text, clips[row].language) for row in rows]
            sounds = [clips[row].sound for row in rows]
            models = _learnt(sounds, texts) if len(rows) >= self.fewest else None
            told = [
                [*_unshared(models, words, sound, self.least_share)] if models else []
                for words, sound in zip(texts, sounds, strict=True)
            ]
            for row, parts in zip(rows, _unusual(told), strict=True):
                heard = [*_heard(clips[row], self.least_share)]
                parts = _joined(parts, heard) if parts else heard
                if parts:
                    yield row, max(parts, key=lambda part: part.nats)
        doing("")


def _unusual(told: Sequence[Sequence[Part]]) -> list[list[Part]]:
    """The parts of a set's clips, less what is usual in it: where phones are hard to learn, as from
    the letters of English, many right texts seem too long (none too short). The median and the
    quarter below it are those of right texts as long as half of them are."""
    nats: dict[bool, list[float]] = defaultdict(list)
    for part in itertools.chain.from_iterable(told):
        if part.kind == GOES_ON:
            nats[part.at_end].append(part.nats)
    usual = dict.fromkeys([(ENDS_EARLY, True), (ENDS_EARLY, False)], 0.0)
    for at_end, values in nats.items():
        low, middle = np.quantile(values, [0.25, 0.5])
        usual[GOES_ON, at_end] = max(0.0, float(middle + _WIDTH * (middle - low)))
    return [[p._replace(nats=p.nats - usual[p.kind, p.at_end]) for p in parts] for parts in told]


def _by_language(clips: Sequence[SpokenText]) -> list[list[int]]:
    """Rows of clips with sound and words, by language."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(clips):
        if clip.sound is not None and len(clip.sound) and phones_of(clip.text, clip.language):
            found[clip.language].append(row)
    return list(found.values())


def _learnt(sounds: Sequence[np.ndarray], texts: Sequence[Words]) -> PhoneModels | None:
    """The phones of a language, from an even sample of a large set; None where its texts have too
    many signs for that."""
    frames = sum(map(len, sounds))
    known = [(s, [phones for _, phones in t]) for s, t in zip(sounds, texts, strict=True)]
    signs = {phone for _, words in known for word in words for phone in word}
    if frames < _LEAST_PER_PHONE * len(signs):
        return None
    return learn_phones(known[:: -(-frames // _ENOUGH)], signs)


def _unshared(models: PhoneModels, words: Words, sound: np.ndarray, least: float) -> Iterator[Part]:
    """What sound and text may not share at each end, at least a `least` part of it."""
    chain = models.chain([phones for _, phones in words])
    spoken = sound[:, -1] > 0.5
    names = [word for word, _ in words]
    if 2 * len(sound) <= len(chain.states) + 2:
        share = 1 - 2 * len(sound) / len(chain.states)
        yield Part(GOES_ON, _IMPOSSIBLE, max(share, least), True)
        return
    costs = models.costs(observations(sound), chain.states)
    for at_end in (True, False):
        turned = costs if at_end else np.ascontiguousarray(costs[::-1, ::-1])
        states = chain.states if at_end else chain.states[::-1]
        paths = best_paths(turned)
        whole = paths[-2:, -1].min()
        nats, share = _sound_goes_on(paths, whole, spoken if at_end else spoken[::-1], least)
        yield Part(ENDS_EARLY, nats, share, at_end)
        nats, share, place = _text_goes_on(paths, whole, states, least)
        if at_end:
            unsaid = names[int((chain.ends <= place + 1).sum()) :]
        else:
            starts = np.append(0, chain.ends[:-1]) + 1
            unsaid = names[: int((starts < len(states) - 1 - place).sum())]
        yield Part(GOES_ON, nats, share, at_end, " ".join(unsaid))


def _sound_goes_on(
    paths: np.ndarray, whole: float, spoken: np.ndarray, least: float
) -> tuple[float, float]:
    """By how many nats it is likelier that speech follows behind the whole text, and how much."""
    complete = paths[-2:].min(axis=0)
    left = np.append(np.cumsum(spoken[::-1])[::-1][1:], 0) / max(int(spoken.sum()), 1)
    enough = np.flatnonzero(left >= least)
    if not len(enough):
        return -_IMPOSSIBLE, 0.0
    frame = enough[int(np.argmin(complete[enough]))]
    return float(whole - complete[frame]), float(left[frame])


def _text_goes_on(
    paths: np.ndarray, whole: float, states: np.ndarray, least: float
) -> tuple[float, float, int]:
    """By how many nats it is likelier that the sound ends before the text does, how much of the
    text is left, and the state at which it stops."""
    sounding = np.cumsum(states > 0)
    left = 1 - sounding / sounding[-1]
    enough = np.flatnonzero((states > 0) & (left >= least) & (sounding % STATES == 0))
    if not len(enough):
        return -_IMPOSSIBLE, 0.0, len(states) - 1
    place = enough[int(np.argmin(paths[enough, -1]))]
    return float(whole - paths[place, -1]), float(left[place]), int(place)


def _heard(clip: SpokenText, least: float) -> Iterator[Part]:
    """What a recogniser heard and the text may not share at each end: as many nats as letters fit
    better where that part of the longer one is taken away."""
    if clip.heard is None:
        return
    texts = [letters(text, clip.language) for text in (clip.text, clip.heard)]
    for at_end in (True, False):
        text, heard = texts if at_end else [one[::-1] for one in texts]
        for kind, longer, shorter in ((ENDS_EARLY, heard, text), (GOES_ON, text, heard)):
            apart = [Levenshtein.distance(longer[:cut], shorter) for cut in range(len(longer) + 1)]
            enough = apart[: int((1 - least) * len(longer)) + 1]
            place = int(np.argmin(enough))
            nats = _NATS_A_LETTER * (apart[-1] - apart[place])
            share = 1 - place / max(len(longer), 1)
            whole = (clip.heard if kind == ENDS_EARLY else clip.text).split()
            rest = _words(whole, share, clip.language, at_end)
            yield Part(kind, float(np.clip(nats, -_MOST_HEARD, _MOST_HEARD)), share, at_end, rest)


def _words(words: Sequence[str], share: float, language: str, at_end: bool) -> str:
    """The words that hold the last (or first) `share` of the letters."""
    sizes = [len(letters(word, language)) for word in (words if at_end else words[::-1])]
    kept = int((np.cumsum(sizes) <= (1 - share) * sum(sizes) + 0.5).sum())
    return " ".join(words[kept:] if at_end else words[: len(words) - kept])


def _joined(sounds: Sequence[Part], heard: Sequence[Part]) -> list[Part]:
    """What the sound and a recogniser say together."""
    other = {(part.kind, part.at_end): part for part in heard}
    found = []
    for part in sounds:
        said = other.get((part.kind, part.at_end))
        nats = part.nats + (said.nats if said else 0.0)
        found.append(part._replace(nats=nats, words=part.words or (said.words if said else "")))
    return found


def _value(part: Part) -> str:
    """How much is missing, or too much, and where."""
    if part.kind == ENDS_EARLY:
        where = "after its last word" if part.at_end else "before its first word"
        told = f"about {part.share:.0%} of what is said is not in the text, {where}"
    else:
        told = f"about {part.share:.0%} of the text is not said"
    return f"{told}: {part.words}" if part.words else told
