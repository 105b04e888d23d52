"""Computes the character error rate of recognised words, and finds where the intended text ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xttslab.evaluation.recognition import Recognised
from xttslab.text.hungarian import spell_out

_NOT_SPOKEN = re.compile(r"[^\w\s]|_")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class WordComparison:
    """One recording's words beside the words that were to be said.

    `cer` may pass 1 where much was added. `characters` is its weight in a mean over clips: the
    weighted mean is the error rate of all clips as one text. `speech_end` is when the last intended
    word ends, in seconds; None where nothing was recognised.
    """

    cer: float
    characters: int
    speech_end: float | None


def normalise(text: str, language: str = "hu") -> str:
    """Text as it sounds: figures as words (Hungarian), lower case, no punctuation."""
    spoken = spell_out(text) if language == "hu" else text
    return _SPACES.sub(" ", _NOT_SPOKEN.sub(" ", spoken.lower())).strip()


def compare(heard: Recognised, text: str, language: str = "hu") -> WordComparison:
    """Compare what was heard with the text that was to be said; raises ValueError without one."""
    wanted = normalise(text, language)
    if not wanted:
        raise ValueError(f"no speakable text in {text!r}; a character error rate needs one")
    words = [normalise(word.text, language) for word in heard.words]
    rate = _rate(" ".join(filter(None, words)), wanted)
    return WordComparison(rate, len(wanted), _speech_end(heard, words, wanted))


def pooled_rate(heard: Sequence[str], wanted: Sequence[str]) -> float:
    """Character error rate of many normalised texts as one: all edits over all characters."""
    from torchmetrics.functional.text import char_error_rate

    return float(char_error_rate(list(heard), list(wanted)))


def _rate(heard: str, wanted: str) -> float:
    return pooled_rate([heard], [wanted])


def _speech_end(heard: Recognised, words: Sequence[str], wanted: str) -> float | None:
    """When the intended text ends: after the first words that fit it best.

    What a voice babbles after its text is often recognised as words too; leaving them out lowers
    the error rate, so the best-fitting beginning ends where the text does. Of equals, the longest.
    """
    from rapidfuzz.distance.Levenshtein import distance

    if not heard.words:
        return None
    # rapidfuzz counts the same edits as the rate does, fast enough for every beginning of 3 minutes
    edits = [distance(" ".join(words[:count]), wanted) for count in range(1, len(words) + 1)]
    best = max(range(len(edits)), key=lambda i: (-edits[i], i))
    return heard.words[best].end
