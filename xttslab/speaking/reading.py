"""Shows what will be read aloud, and which words the lexicon and the reading of figures changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from xttslab.errors import UserError
from xttslab.speaking.batch_file import BatchFile, require_all
from xttslab.speaking.marks import Marked, read_marks
from xttslab.speaking.pieces import Piece, read_pieces
from xttslab.text.foreign_words import ForeignWord, foreign_words
from xttslab.text.lexicon import Lexicon

_SIGNS = ".,;:!?…\"'”„»«()–-"


@dataclass(frozen=True)
class Change:
    """Words that are not said as they are written; `by_lexicon`: a person listed one of them."""

    written: str
    said: str
    by_lexicon: bool

    def __str__(self) -> str:
        by = " (lexicon)" if self.by_lexicon else ""
        return f"{self.written or '–'} → {self.said or '–'}{by}"


@dataclass(frozen=True)
class Reading:
    """The pieces that a text is spoken in, how they differ from what is written, and words that
    look foreign and that the lexicon does not know."""

    pieces: tuple[Piece, ...]
    changes: tuple[Change, ...]
    foreign: tuple[ForeignWord, ...]

    def lines(self) -> list[str]:
        """One line a piece, with the pause behind it, then one line a change."""
        shown = []
        for piece in self.pieces:
            pause = f" [pause {piece.pause:g}s]" if piece.pause else ""
            shown.append(f"{piece.text}{pause}".strip())
        if self.foreign:
            words = ", ".join(word.written for word in self.foreign)
            shown.append(f"  looks foreign, and no lexicon says how it sounds: {words}")
        return [*shown, *(f"  {change}" for change in self.changes)]


def read_aloud(
    text: str | Sequence[Marked], lexicon: Lexicon, language: str, longest: int
) -> Reading:
    """How `text`, whole or in segments, will be read; raises UserError as `read_pieces` does."""
    pieces = read_pieces(text, lexicon, language, longest)
    segments = [Marked(text)] if isinstance(text, str) else text
    written = " ".join(part.text for one in segments for part in read_marks(one.text))
    foreign = foreign_words([written], lexicon) if language == "hu" else []
    return Reading(tuple(pieces), tuple(_changes(written, pieces, lexicon)), tuple(foreign))


def _changes(written: str, pieces: Sequence[Piece], lexicon: Lexicon) -> list[Change]:
    before, after = written.split(), " ".join(piece.text for piece in pieces).split()
    plain = [[word.strip(_SIGNS).casefold() for word in words] for words in (before, after)]
    found = []
    for kind, a, b, c, d in SequenceMatcher(None, *plain, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        one, other = (" ".join(words).strip(_SIGNS) for words in (before[a:b], after[c:d]))
        if one or other:
            used: Counter[str] = Counter()
            lexicon.apply(one, used)
            found.append(Change(one, other, bool(used)))
    return found


def show_batch(
    batch: BatchFile, lexicon: Lexicon, language: str, longest: int, keep_going: bool
) -> None:
    """Print how every line will be read; raises UserError as `require_all` does."""
    faults = list(batch.faults)
    for line in batch.lines:
        try:
            read = read_aloud(line.segments, lexicon, language, longest)
            print("\n".join([f"{line.id}:", *(f"  {shown}" for shown in read.lines())]))
        except UserError as fault:
            faults.append(f"{line.place}: {fault}")
    require_all(faults, keep_going)
