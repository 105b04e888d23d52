"""Splits a text into pieces short enough for XTTS, and joins the spoken pieces with pauses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


FRAME_S = 0.01
SILENCE_DB = -40.0  # below the loudest frames of a piece
MARGIN_S = 0.04  # kept around the speech of a piece: soft first and last sounds
FADE_S = 0.005
LARGEST_GAIN_DB = 6.0


def join(waves: Sequence[np.ndarray], pauses: Sequence[float], rate: int) -> np.ndarray:
    """Put pieces (n,) one after another, each followed by its pause in seconds.

    Silence at a piece's ends is cut, so that the pauses are what was asked for, and levels are
    brought to the middle piece's, by at most LARGEST_GAIN_DB.
    """
    cut = [_faded(_without_edges(wave, rate), rate) for wave in waves]
    levels = [_level_db(wave, rate) for wave in cut]
    middle = float(np.median(levels))
    parts: list[np.ndarray] = []
    for wave, level, pause in zip(cut, levels, pauses, strict=True):
        gain = np.clip(middle - level, -LARGEST_GAIN_DB, LARGEST_GAIN_DB)
        parts += [wave * np.float32(10 ** (gain / 20)), np.zeros(int(pause * rate), np.float32)]
    joined = np.concatenate(parts)
    peak = np.abs(joined).max(initial=0.0)
    return joined * np.float32(0.98 / peak) if peak > 0.98 else joined


def speech_frames(wave: np.ndarray, rate: int) -> np.ndarray:
    """Which 10 ms frames hold speech: within SILENCE_DB of the loud ones. Empty for silence."""
    step = int(FRAME_S * rate)
    frames = wave[: len(wave) // step * step].reshape(-1, step)
    if not frames.size:
        return np.zeros(0, dtype=bool)
    level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    return level > max(np.percentile(level, 95) + SILENCE_DB, -70.0)


def _without_edges(wave: np.ndarray, rate: int) -> np.ndarray:
    heard = np.flatnonzero(speech_frames(wave, rate))
    if not len(heard):
        return wave[:0]
    step, margin = int(FRAME_S * rate), int(MARGIN_S * rate)
    return wave[max(0, heard[0] * step - margin) : (heard[-1] + 1) * step + margin]


def _level_db(wave: np.ndarray, rate: int) -> float:
    """Root mean square of the frames that hold speech."""
    step = int(FRAME_S * rate)
    heard = speech_frames(wave, rate)
    frames = wave[: len(heard) * step].reshape(-1, step)[heard]
    return 10 * np.log10(float((frames**2).mean()) + 1e-10) if len(frames) else -60.0


def _faded(wave: np.ndarray, rate: int) -> np.ndarray:
    faded = wave.astype(np.float32, copy=True)
    ramp = np.linspace(0, 1, min(int(FADE_S * rate), len(faded)), dtype=np.float32)
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded
