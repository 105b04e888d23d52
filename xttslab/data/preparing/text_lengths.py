"""Finds texts that are shorter or longer than what is said in their clips.

How much text a clip should have is estimated from its seconds of speech, the syllables and the
changes of sound heard in it, at the pace of its speaker's other clips; what a recogniser hears
counts beside that where one is there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic import dataclasses as checked
from rapidfuzz.distance import Levenshtein

from xttslab.text.hungarian import letters

ENDS_EARLY, GOES_ON = "text_ends_early", "text_goes_on"
MISFITS = {
    ENDS_EARLY: "more is said than the text has",
    GOES_ON: "the text has more than is said",
}
_MEASURES = ("speech_s", "syllables_heard", "sound_changes")
# How text grows with each of them, in logarithms: learnt from the demo sets and LJSpeech, and where
# the fit to a set starts from, so that it holds for a dozen clips, too.
_GROWTH = np.array([0.30, 0.40, 0.35])
_TRUST = 3.0  # in that start: as much as so many squared units of the set's own spread
_ROUNDS = 8
_BEYOND = 2.0  # standard deviations from the others beyond which a clip has no say in the fit
_HALF_WIDTH, _KEPT = 1.349, 0.880  # of a normal distribution: its middle half; what _BEYOND leaves
_FINEST = 0.01  # log units
_UNSURE = 8  # clips: in a set of so many the least spread is twice as large
_LEAST_SPREAD, _LEAST_HEARD = 0.05, 0.04  # log units: no set's pace is steadier
_UNSEEN_HEARD = 0.06  # the spread of a recogniser's letters in a set that is too small to tell
_MISHEARD = 4.0  # standard deviations of the pace by which a recogniser's text is not all of it
_CUT_OFF_DB = -12.0  # at the very end, relative to the speech: sound is cut off
_USUAL = 0.3  # share of a set's clips up to which a sign is one
_ENDS = re.compile(r"[.!?…][\"'”’»)\]]*\s*$")
_VOWELS = re.compile(r"[aáeéiíoóöőuúüűyàâäãåæèêëìîïòôõøùûýąęаеёиоуыэюяіїє]+")
_EACH = re.compile(r"[aáeéiíoóöőuúüű]")


class SpokenText(NamedTuple):
    """A clip's text, its speaker, what was measured of its sound, and what a recogniser heard."""

    text: str
    language: str
    speaker: str
    measures: Mapping[str, float]
    heard: str | None = None


class Misfit(NamedTuple):
    """A clip (by position) whose text is not all that is said, or more; `value` says how much."""

    row: int
    kind: str
    value: str


@checked.dataclass(frozen=True)
class TextLengths:
    """When a text counts as too short or too long. `deviations`: standard deviations of the
    speaker's pace; `with_sign`: the same where the text ends inside a sentence or the sound is cut
    off, in a set where that is rare; `least_share`: of the text, below which nothing is said;
    `fewest`: clips of a speaker that make a pace."""

    deviations: PositiveFloat
    with_sign: PositiveFloat
    least_share: Annotated[float, Field(gt=0, lt=1)]
    fewest: PositiveInt

    def misfits(self, clips: Sequence[SpokenText]) -> list[Misfit]:
        """The texts of a set that do not fit, in its order."""
        found = []
        for rows in self._groups(clips):
            found += self._of_group([clips[row] for row in rows], rows)
        return sorted(found)

    def _groups(self, clips: Sequence[SpokenText]) -> list[list[int]]:
        """Rows by speaker; speakers with few clips together."""
        speakers: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row, clip in enumerate(clips):
            known = clip.heard is not None or all(name in clip.measures for name in _MEASURES)
            if known and written(clip.text, clip.language)[1]:
                speakers[clip.language, clip.speaker].append(row)
        large = [rows for rows in speakers.values() if len(rows) >= self.fewest]
        rest = [row for rows in speakers.values() if len(rows) < self.fewest for row in rows]
        return [*large, rest] if rest else large

    def _of_group(self, clips: Sequence[SpokenText], rows: Sequence[int]) -> list[Misfit]:
        away, spread = deviations(clips, self.fewest)
        unfinished = np.array([not _ENDS.search(clip.text) for clip in clips])
        cut_off = np.array([clip.measures.get("end_db", -99.0) > _CUT_OFF_DB for clip in clips])
        found = []
        for place, (clip, row) in enumerate(zip(clips, rows, strict=True)):
            low, sign = away[place] < 0, unfinished if away[place] < 0 else cut_off
            limit = self.with_sign if sign[place] and sign.mean() <= _USUAL else self.deviations
            share = 1 - float(np.exp(-abs(away[place])))
            if abs(away[place]) > limit * spread[place] and share >= self.least_share:
                found.append(Misfit(row, ENDS_EARLY if low else GOES_ON, _value(clip, low, share)))
        return found


def deviations(clips: Sequence[SpokenText], fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """How much longer (above 0) or shorter each text of one speaker is than what is said, and the
    standard deviation of that, (clips,) natural logarithms both.

    A recogniser's text counts only where its length is one that the sound can have; where it and
    the pace disagree on whether the text is too short or too long, the text is taken for right.
    """
    amounts = np.array([np.log(np.add(written(c.text, c.language), 0.5)).mean() for c in clips])
    measured = np.array([all(name in c.measures for name in _MEASURES) for c in clips])
    heard = np.array([clip.heard is not None for clip in clips])
    against = np.array([_against_heard(clip) for clip in clips])
    pace, sure = np.zeros(len(clips)), np.zeros(len(clips))
    if measured.sum() >= fewest:
        sound = [[c.measures.get(name, 0.0) + 0.5 for name in _MEASURES] for c in clips]
        pace, spread = _fitted(np.log(np.array(sound)), amounts, measured)
        sure = measured / spread**2
        heard &= ~measured | (abs(pace - against) < _MISHEARD * spread)
    if not heard.any():
        return pace, 1 / np.sqrt(np.maximum(sure, 1e-6))
    centre, spread = 0.0, _UNSEEN_HEARD
    if heard.sum() >= fewest:
        centre, spread = _core(against[heard])
        spread = max(spread, _LEAST_HEARD)
    weight, against = heard / spread**2, against - centre
    both = sure + weight
    away = (sure * pace + weight * against) / np.maximum(both, 1e-6)
    # Each has to say so, by one deviation at least.
    least = np.minimum(np.sign(away) * pace * np.sqrt(sure), np.sign(away) * against / spread)
    apart = heard & (sure > 0) & (least < 1.0)
    return np.where(apart, 0.0, away), 1 / np.sqrt(np.maximum(both, 1e-6))


def _fitted(sound: np.ndarray, amounts: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """How far each amount of text (clips,) is from what the sound (clips, measures) lets expect,
    and the spread of that among the texts that fit; the others have no say. All in logarithms."""
    growth = _GROWTH
    for _ in range(_ROUNDS):
        apart = amounts - sound @ growth
        centre, spread = _core(apart[known])
        weight = known & (abs(apart - centre) < _BEYOND * spread)
        x, y = sound - sound[weight].mean(axis=0), amounts - amounts[weight].mean()
        x, y = x[weight], y[weight]
        squares = x.T @ x + _TRUST * np.eye(len(_GROWTH))
        growth = _GROWTH + np.linalg.solve(squares, x.T @ (y - x @ _GROWTH))
    least = _LEAST_SPREAD * (1 + _UNSURE / known.sum())
    return apart - centre, max(spread, float(least))


def _core(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the values (n,) that lie together, however many lie apart on
    one side: from the shortest half (Rousseeuw and Leroy, Statistica Neerlandica 42, 1988), then
    all within _BEYOND deviations of the mean."""
    ordered = np.sort(values)
    half = len(ordered) // 2 + 1
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    first = int(np.argmin(widths))
    centre = float(ordered[first] + ordered[first + half - 1]) / 2
    spread = max(float(widths[first]) / _HALF_WIDTH, _FINEST)
    for _ in range(_ROUNDS):
        inside = ordered[abs(ordered - centre) < _BEYOND * spread]
        centre, spread = float(inside.mean()), max(float(inside.std()) / _KEPT, _FINEST)
    return centre, spread


def written(text: str, language: str) -> tuple[int, int]:
    """Syllables and letters of a text as it is spoken."""
    spoken = letters(text, language)
    if language == "hu":
        return len(_EACH.findall(spoken)), len(spoken)
    syllables = sum(len(_VOWELS.findall(word)) for word in text.lower().split())
    return (syllables or len(spoken)), len(spoken)


def _against_heard(clip: SpokenText) -> float:
    if clip.heard is None:
        return 0.0
    own, other = (len(letters(text, clip.language)) for text in (clip.text, clip.heard))
    return float(np.log((own + 2) / (other + 2)))


def _value(clip: SpokenText, low: bool, share: float) -> str:
    """How much is missing, or too much; with a recogniser, the words in question."""
    what = "of what is said is not in the text" if low else "of the text is not said"
    value = f"about {share:.0%} {what}"
    if clip.heard is None:
        return value
    rest = _rest(clip.heard, clip.text) if low else _rest(clip.text, clip.heard)
    return f"{value}: {rest}" if rest else value


def _rest(longer: str, shorter: str) -> str:
    """The words at the end of the longer text behind the last that both have."""
    words, others = longer.split(), shorter.split()
    plain = [[re.sub(r"\W", "", word.lower()) for word in part] for part in (words, others)]
    blocks = [b for b in Levenshtein.opcodes(*plain) if b.tag == "equal"]
    return " ".join(words[blocks[-1].src_end :]) if blocks else ""
