"""Generates the codes of many pieces in batches, each as it would be alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.generation import generate
from xttslab.model.sampling import Generated, Sentence
from xttslab.model.voice import Speaking, Voice, finished_at
from xttslab.progress import doing
from xttslab.speaking.joining import join_with_spans, speed_for
from xttslab.speaking.lines import SpeechLine, SpokenLine
from xttslab.speaking.pieces import Piece

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class PieceJob:
    """One piece of line `line` to be generated: its tokens (T,), the seed of its random numbers,
    and the voice: prompt latents (32, D) and speaker embedding (S, 1)."""

    line: int
    piece: Piece
    tokens: np.ndarray
    seed: int
    settings: Speaking
    latents: Tensor
    speaker: Tensor


def generate_jobs(
    voice: Voice, jobs: Sequence[PieceJob], together: int, progress: bool = False
) -> list[Generated | None]:
    """The codes of every job, in its order; None for a pause alone."""
    found: list[Generated | None] = [None] * len(jobs)
    batches = list(_batches(jobs, together))
    for number, batch in enumerate(_progress(batches, progress), 1):
        doing(f"speaking: piece {number} of {len(batches)}", drawn=progress and len(batches) > 1)
        rules = jobs[batch[0]].settings.sampling
        sentences = [
            Sentence(job.tokens, job.latents, voice.limit(len(job.tokens)), job.seed)
            for job in (jobs[row] for row in batch)
        ]
        for row, one in zip(batch, generate(voice.gpt, sentences, rules), strict=True):
            found[row] = one
    doing("")
    return found


def join_jobs(
    voice: Voice,
    lines: Sequence[SpeechLine],
    jobs: Sequence[PieceJob],
    spoken: Sequence[Generated | None],
    paces: Sequence[float | None],
) -> list[SpokenLine]:
    """The lines as heard: the pieces of each stretched alike until they have its pace in syllables
    a second (None: as generated), and joined."""
    found = []
    for number, (line, pace) in enumerate(zip(lines, paces, strict=True)):
        rows = [row for row, job in enumerate(jobs) if job.line == number]
        parts = [spoken[row] for row in rows]
        waves = _decoded(voice, parts, jobs[rows[0]].speaker, line.settings, pace)
        pauses = pauses_of(line, [jobs[row] for row in rows])
        wave, spans = join_with_spans(waves, pauses, SPEECH_RATE)
        segments = _segments([jobs[row].piece for row in rows], spans)
        if len(rows) == 1:
            codes = spoken_codes(parts[0], line.settings)
            found.append(SpokenLine(wave, codes, waves[0], segments))
        else:
            found.append(SpokenLine(wave, segments=segments))
    return found


def pauses_of(line: SpeechLine, jobs: Sequence[PieceJob]) -> list[float]:
    """Seconds of silence behind each piece of a line."""
    pauses = [job.piece.pause for job in jobs]
    pauses[-1] += line.pause_after
    return pauses


def _segments(
    pieces: Sequence[Piece], spans: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Where each segment sounds, from the first sound of its pieces to the last."""
    found: dict[int, tuple[int, int]] = {}
    for piece, (first, end) in zip(pieces, spans, strict=True):
        begun = found.get(piece.segment, (first, end))
        found[piece.segment] = (begun[0], end)
    return tuple(found.values())


def _decoded(
    voice: Voice,
    spoken: Sequence[Generated | None],
    speaker: Tensor,
    settings: Speaking,
    pace: float | None,
) -> list[np.ndarray]:
    silence = np.zeros(0, np.float32)

    def waves(how: Speaking) -> list[np.ndarray]:
        return [silence if one is None else voice.decode(one, speaker, how) for one in spoken]

    plain = waves(settings)
    if pace is None:
        return plain
    speed = settings.speed * speed_for(pace, plain, SPEECH_RATE)
    return waves(replace(settings, speed=speed))


def spoken_codes(spoken: Generated | None, settings: Speaking) -> tuple[int, ...] | None:
    """The codes that a piece is decoded from; None where there are none."""
    if spoken is None:
        return None
    end = finished_at(spoken) if settings.trim_babble else len(spoken.codes)
    return tuple(spoken.codes[:end].tolist()) or None


def _batches(jobs: Sequence[PieceJob], together: int) -> Iterator[list[int]]:
    """Rows of jobs that are sampled by the same rules, of like length, so that few wait for the
    longest."""
    for rules in dict.fromkeys(job.settings.sampling for job in jobs):
        alike = [row for row, job in enumerate(jobs) if job.settings.sampling == rules]
        rows = [row for row in alike if jobs[row].piece.text]
        rows.sort(key=lambda row: len(jobs[row].tokens))
        for first in range(0, len(rows), together):
            yield rows[first : first + together]


def _progress(batches: Sequence[list[int]], shown: bool) -> Iterable[list[int]]:
    """The batches, behind a progress bar when there are several."""
    if not shown or len(batches) < 2:
        return batches
    from rich.progress import track

    return track(batches, description="speaking", transient=True)
