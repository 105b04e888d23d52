"""Text of any length in, pieces short enough for XTTS out, each with the pause that follows it."""

from __future__ import annotations

import re
from dataclasses import dataclass

PARAGRAPH, SENTENCE, CLAUSE, NONE = 0.7, 0.35, 0.18, 0.06  # seconds of silence after a piece
SHORTEST = 20  # characters: shorter sentences are spoken together with their neighbour

_PARAGRAPHS = re.compile(r"\n\s*\n")
_SENTENCES = re.compile(r"(?<=[.!?…])\s+")
_CLAUSES = re.compile(r"(?<=[,;:])\s+|\s+(?=–\s)")


@dataclass(frozen=True)
class Piece:
    """What is generated at once; `pause` is the silence after it in seconds."""

    text: str
    pause: float


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
