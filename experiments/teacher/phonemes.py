"""Hungarian text in, Kokoro's phoneme symbols out.

espeak-ng knows the Hungarian rules (assimilation, long consonants, stress on the first syllable)
but drops punctuation, from which Kokoro takes its intonation: so each clause is converted alone
and its mark put back.
"""

from __future__ import annotations

import ctypes
import re

import espeakng_loader

_SYNCHRONOUS = 2
_UTF8 = 1
_IPA = 2
_CLAUSE = re.compile(r"([^,.!?;:…]+)([,.!?;:…]*)")
_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")
_SYMBOLS = {
    "tʃ": "ʧ",
    "dʒ": "ʤ",
    "ts": "ʦ",
    "dz": "ʣ",
    "g": "ɡ",
    "ɑ": "ɔ",  # Hungarian a is rounded
    "r": "ɾ",
}


class HungarianPhonemes:
    """A handle on espeak-ng's Hungarian voice. One per process: espeak-ng keeps global state."""

    def __init__(self) -> None:
        self._engine = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        if self._engine.espeak_Initialize(_SYNCHRONOUS, 500, data, 0) < 0:
            raise RuntimeError(f"espeak-ng found no usable data in {data.decode()}")
        if self._engine.espeak_SetVoiceByName(b"hu"):
            raise RuntimeError("espeak-ng has no Hungarian voice")
        self._engine.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def __call__(self, text: str) -> str:
        """`"Szia, hogy vagy?"` → `"sˈiɔ, hˈoɟ vˈɔɟ?"`."""
        clauses = (f"{self._clause(words)}{marks[:1]}" for words, marks in _CLAUSE.findall(text))
        return " ".join(clause for clause in clauses if clause)

    def _clause(self, words: str) -> str:
        buffer = ctypes.create_string_buffer(words.strip().encode())
        position = ctypes.cast(buffer, ctypes.c_void_p)
        pieces = []
        while position.value:
            spoken = self._engine.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, _IPA)
            pieces.append(spoken.decode())
        return _to_kokoro(" ".join(pieces))


def _to_kokoro(ipa: str) -> str:
    ipa = _LANGUAGE_SWITCH.sub("", ipa)
    for several, one in _SYMBOLS.items():
        ipa = ipa.replace(several, one)
    return " ".join(ipa.split())
