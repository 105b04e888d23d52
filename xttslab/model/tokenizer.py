"""Turns text into token numbers of XTTS's vocabulary, the same in training and in speaking.

Hungarian is spelled out by our own normaliser in place of Coqui's cleaner, which reads the quiz
answer "B." as "bácsi" and 10 000 000 as "tíz nulla nulla". Other languages keep Coqui's cleaners.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer as BpeTokenizer

from xttslab.errors import UserError
from xttslab.text.hungarian import spell_out

if TYPE_CHECKING:
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

UNKNOWN = "[UNK]"
# Signs that vocabularies lack and that sound like one they have.
_TYPOGRAPHY = str.maketrans({"„": '"', "”": '"', "“": '"', "’": "'", "—": "–", "\u00a0": " "})


class Tokenizer:
    """A `vocab.json` of XTTS (BPE over lower-case text, `[hu]` in front, `[SPACE]` for spaces)."""

    def __init__(self, vocabulary: Path) -> None:
        if not vocabulary.is_file():
            raise UserError(f"{vocabulary}: no such vocabulary; it comes with the model's files")
        self.vocabulary = vocabulary
        self._bpe = BpeTokenizer.from_file(str(vocabulary))

    @property
    def size(self) -> int:
        """Rows that the model's text embedding must have."""
        return max(self._bpe.get_vocab().values()) + 1

    @property
    def start(self) -> int:
        """Number of the token before every text."""
        return self._number("[START]")

    @property
    def stop(self) -> int:
        """Number of the token behind every text."""
        return self._number("[STOP]")

    @property
    def languages(self) -> list[str]:
        """Languages that the vocabulary has a token for, as `hu`, `en`, …"""
        marks = (token[1:-1] for token in self._bpe.get_vocab() if token.startswith("["))
        return sorted(mark for mark in marks if mark.islower())

    def normalise(self, text: str, language: str) -> str:
        """The words as they are read aloud, lower case, one space between them."""
        if language == "hu":
            spoken = spell_out(text).translate(_TYPOGRAPHY).replace('"', "").lower()
        else:
            cleaner = language.split("-")[0]  # the vocabulary's zh-cn is Coqui's zh
            spoken = self._coqui.preprocess_text(text.translate(_TYPOGRAPHY), cleaner)
        return " ".join(spoken.split())

    def encode(self, text: str, language: str) -> np.ndarray:
        """Token numbers (T,), without start and stop.

        Raises UserError for a language without a token, for text with nothing to say, and for a
        sign that the vocabulary lacks.
        """
        mark = "zh-cn" if language == "zh" else language
        if self._bpe.token_to_id(f"[{mark}]") is None:
            known = ", ".join(self.languages)
            raise UserError(f"language {language!r} is not in the vocabulary; it has {known}")
        spoken = self.normalise(text, language)
        if not any(character.isalpha() for character in spoken):
            raise UserError(f"{text[:60]!r}: there is nothing to read aloud; write words")
        marked = f"[{mark}]{spoken}".replace(" ", "[SPACE]")
        encoded = self._bpe.encode(marked)
        if UNKNOWN in encoded.tokens:
            first, _ = encoded.offsets[encoded.tokens.index(UNKNOWN)]
            raise UserError(
                f"{text[:60]!r}: the vocabulary lacks {marked[first]!r}; write it as words"
            )
        return np.array(encoded.ids, dtype=np.int64)

    def _number(self, token: str) -> int:
        number = self._bpe.token_to_id(token)
        if number is None:
            raise UserError(f"{self.vocabulary}: token {token} is missing; use XTTS's vocab.json")
        return number

    @cached_property
    def _coqui(self) -> VoiceBpeTokenizer:  # imported where needed: it loads many languages
        from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

        return VoiceBpeTokenizer()
