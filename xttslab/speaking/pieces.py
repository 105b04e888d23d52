"""Reads a text as it is said and splits it into pieces short enough for XTTS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xttslab.errors import UserError
from xttslab.speaking.marks import PARAGRAPH as NEW_PARAGRAPH
from xttslab.speaking.marks import Marked, read_marks
from xttslab.text.hungarian import spell_out_checked
from xttslab.text.lexicon import Lexicon

PARAGRAPH, SENTENCE, CLAUSE, NONE = 0.78, 0.43, 0.26, 0.14  # seconds of silence after a piece
SHORTEST = 20  # characters: shorter sentences are spoken together with their neighbour

_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCES = re.compile(r"(?<=[.!?…])\s+")
_CLAUSES = re.compile(r"(?<=[,;:])\s+|\s+(?=–\s)")


@dataclass(frozen=True)
class Piece:
    """What is generated at once; `pause` is the silence after it in seconds, `segment` the number
    of the segment that it is of."""

    text: str
    pause: float
    segment: int = 0


def split_text(text: str, longest: int) -> list[Piece]:
    """Cut at sentences; a sentence over `longest` characters at clauses, then between words.

    `text` is as it is spoken, numbers already words. Very short sentences join the one before, for
    XTTS speaks a lone word badly; a single word over `longest` is cut within.
    """
    pieces: list[Piece] = []
    for paragraph in _PARAGRAPHS.split(text.strip()):
        sentences = _joined(_SENTENCES.split(" ".join(paragraph.split())), longest)
        for sentence in filter(None, sentences):
            pieces += _sentence(sentence, longest)
        if pieces:
            pieces[-1] = Piece(pieces[-1].text, PARAGRAPH)
    if pieces:
        pieces[-1] = Piece(pieces[-1].text, 0.0)
    return pieces


def _sentence(sentence: str, longest: int) -> list[Piece]:
    parts = _filled(_CLAUSES.split(sentence), longest)
    pieces = []
    for part in parts:
        lines = _filled(_words(part, longest), longest)
        pieces += [Piece(line, NONE) for line in lines[:-1]]
        pieces.append(Piece(lines[-1], CLAUSE))
    pieces[-1] = Piece(pieces[-1].text, SENTENCE)
    return pieces


def _joined(sentences: list[str], longest: int) -> list[str]:
    """Put very short sentences to the one before, or the first to the one after."""
    joined: list[str] = []
    for sentence in sentences:
        short = joined and min(len(sentence), len(joined[-1])) < SHORTEST
        if short and len(joined[-1]) + 1 + len(sentence) <= longest:
            joined[-1] = f"{joined[-1]} {sentence}"
        else:
            joined.append(sentence)
    return joined


def _filled(parts: list[str], longest: int) -> list[str]:
    """Join neighbours while they fit; about equally long, so that no short rest is left over."""
    total = sum(len(part) + 1 for part in parts) - 1
    wanted = total / -(-total // longest) if total > longest else longest
    lines = [parts[0]]
    for part in parts[1:]:
        together = len(lines[-1]) + 1 + len(part)
        if together <= longest and len(lines[-1]) < wanted:
            lines[-1] = f"{lines[-1]} {part}"
        else:
            lines.append(part)
    return lines


def _words(part: str, longest: int) -> list[str]:
    if len(part) <= longest:
        return [part]
    words = part.split(" ")
    return [word[i : i + longest] for word in words for i in range(0, len(word), longest)]


def read_pieces(
    text: str | Sequence[Marked], lexicon: Lexicon, language: str, longest: int
) -> list[Piece]:
    """The text as it is said, marks, lexicon and figures read, cut to what is generated at once.

    Segments are read each by itself; the pause behind one, where it gives any, adds to what its
    text ends with. A piece of "" is a pause alone. Raises UserError as `read_marks` does, for a
    text with nothing to say, and for what cannot be read aloud.
    """
    pieces: list[Piece] = []
    unasked = False  # no pause is given between the last segment and the next
    for number, segment in enumerate([Marked(text)] if isinstance(text, str) else text):
        found, pause = _read_segment(segment, lexicon, language, longest)
        if pieces and unasked:
            pieces[-1] = replace(pieces[-1], pause=SENTENCE)
        unasked = pause is None
        pieces += [replace(piece, segment=number) for piece in found]
    if not any(piece.text for piece in pieces):
        raise UserError("there is no text to say; give text= or text_file=")
    return pieces


def _read_segment(
    segment: Marked, lexicon: Lexicon, language: str, longest: int
) -> tuple[list[Piece], float | None]:
    """The pieces of one segment, and the pause behind it where one is asked for."""
    parts = read_marks(segment.text, lexicon.apply)
    if segment.pause is not None:
        parts[-1] = Marked(parts[-1].text, (parts[-1].pause or 0.0) + segment.pause)
    pieces: list[Piece] = []
    for marked in parts:
        found = split_text(_spoken(marked.text, language), longest) if marked.text else []
        if marked.pause is not None:
            found = found or [Piece("", 0.0)]
            found[-1] = Piece(found[-1].text, marked.pause)
        pieces += found
    return pieces, parts[-1].pause


def _spoken(text: str, language: str) -> str:
    if language != "hu":
        return text
    paragraphs = (part for part in text.split(NEW_PARAGRAPH) if part.strip())
    return NEW_PARAGRAPH.join(spell_out_checked(part) for part in paragraphs)
