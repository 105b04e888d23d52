"""Speaks every piece of a text several times, keeps the best take, and tries failures anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import soxr
import torch
from torch import Tensor

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Generated
from xttslab.model.voice import MIN_REFERENCE_SECONDS, Voice
from xttslab.speaking.lines import SpeechLine, SpokenLine
from xttslab.speaking.piece_jobs import PieceJob, join_jobs
from xttslab.speaking.pieces import split_text

if TYPE_CHECKING:
    from xttslab.speaking.speaker import Speaker

TAKE_SEEDS = 1_000_003  # between the takes of a piece: lines and pieces have seeds far below it
SMALLEST = 25  # characters: shorter pieces are not cut further
MOST_TAKES = 20


@dataclass(frozen=True, eq=False)
class Take:
    """One attempt at a piece of text: its codes, and the wave (n,) at SPEECH_RATE made of them.

    `voice` tells voices apart; `likeness` is the cosine of the wave's speaker embedding to that of
    the reference, by the model's own speaker encoder.
    """

    text: str
    spoken: Generated
    wave: np.ndarray
    voice: str = ""
    likeness: float = 1.0


@dataclass(frozen=True)
class TakeJudgement:
    """What is wrong with a take, in words, and how bad it is beside other takes (0: nothing)."""

    faults: tuple[str, ...] = ()
    cost: float = 0.0


Judge = Callable[[Sequence[Take]], Sequence[TakeJudgement]]
Generate = Callable[[Sequence[PieceJob]], Sequence[Generated | None]]  # None: of a pause alone


@dataclass(frozen=True)
class FailedPiece:
    """A piece of text that no take said without a fault."""

    text: str
    faults: tuple[str, ...]


@dataclass
class GuardTally:
    """What a guard has found so far: of `pieces`, `failed_first` had a fault in the take that is
    spoken without it, `failures` have one still."""

    pieces: int = 0
    failed_first: int = 0
    failures: list[FailedPiece] = field(default_factory=list)

    def metrics(self) -> dict[str, float]:
        """Shares of the pieces: `score/guard/failed_first` and `score/guard/failed_kept`."""
        pieces = max(self.pieces, 1)
        return {
            "score/guard/failed_first": self.failed_first / pieces,
            "score/guard/failed_kept": len(self.failures) / pieces,
        }

    def report(self) -> list[str]:
        """The number of failures without and with the guard, and a line for each that is left."""
        counted = (
            f"guard: {self.failed_first} of {self.pieces} pieces had a fault in the first take, "
            f"{len(self.failures)} in what was kept"
        )
        return [counted, *(f"  {one.text!r}: {'; '.join(one.faults)}" for one in self.failures)]


@dataclass(frozen=True)
class TakeGuard:
    """Speaks each piece `takes` times in one batch and keeps the one that `judge` finds best.

    A piece whose every take has a fault is spoken again in smaller pieces, which are judged
    likewise; what then still has one is kept and reported. `tally` counts over all calls.
    """

    judge: Judge
    takes: int
    tally: GuardTally = field(default_factory=GuardTally)

    def __post_init__(self) -> None:
        if not 2 <= self.takes <= MOST_TAKES:
            raise UserError(f"takes={self.takes}: give 2 to {MOST_TAKES}, or 1 for no choice")

    def speak(
        self,
        speaker: Speaker,
        lines: Sequence[SpeechLine],
        generate: Generate,
    ) -> list[SpokenLine]:
        """Speak lines as `Speaker.speak` does, each of their pieces by its best take.

        Raises UserError as that does, and what the judge and `generate` raise.
        """
        jobs = speaker.jobs(lines)
        chosen = self._best(speaker.voice, jobs, generate)
        failed = [row for row, one in enumerate(chosen) if one.kept.faults]
        smaller = {row: _smaller(jobs[row], speaker) for row in failed}
        again = [job for parts in smaller.values() for job in parts]
        anew = iter(self._best(speaker.voice, again, generate))
        kept: list[_Chosen] = []
        for row, one in enumerate(chosen):
            parts = [next(anew) for _ in smaller.get(row, ())]
            better = parts and max(part.kept.cost for part in parts) < one.kept.cost
            kept += parts if better else [one]
        self.tally.pieces += sum(bool(job.piece.text) for job in jobs)
        self.tally.failed_first += sum(bool(one.first.faults) for one in chosen)
        self.tally.failures += [
            FailedPiece(one.job.piece.text, one.kept.faults) for one in kept if one.kept.faults
        ]
        return join_jobs(
            speaker.voice,
            lines,
            [one.job for one in kept],
            [one.spoken for one in kept],
            [speaker.pace(line) for line in lines],
        )

    def _best(self, voice: Voice, jobs: Sequence[PieceJob], generate: Generate) -> list[_Chosen]:
        """Of each job the take of the least cost; of equals the first, which is what is spoken
        without a guard."""
        takes = [
            replace(job, seed=job.seed + TAKE_SEEDS * number)
            for job in jobs
            for number in range(self.takes if job.piece.text else 1)
        ]
        spoken = generate(takes)
        rows = [row for row, one in enumerate(spoken) if one is not None]
        heard = [_take(voice, takes[row], spoken[row]) for row in rows]
        judged = dict(zip(rows, self.judge(heard), strict=True))
        found, start = [], 0
        for job in jobs:
            mine = range(start, start + (self.takes if job.piece.text else 1))
            costs = [judged.get(row, TakeJudgement()) for row in mine]
            best = min(range(len(costs)), key=lambda number: (costs[number].cost, number))
            take = mine[best]
            found.append(_Chosen(takes[take], spoken[take], costs[best], costs[0]))
            start = mine.stop
        return found


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A kept take; `first` is the judgement of the take that is spoken without a guard."""

    job: PieceJob
    spoken: Generated | None
    kept: TakeJudgement
    first: TakeJudgement


def _take(voice: Voice, job: PieceJob, spoken: Generated) -> Take:
    wave = voice.decode(spoken, job.speaker, replace(job.settings, speed=1.0))
    name = f"{id(job.speaker)}"
    return Take(job.piece.text, spoken, wave, name, _likeness(voice, wave, job.speaker))


def _likeness(voice: Voice, wave: np.ndarray, speaker: Tensor) -> float:
    """Cosine of a wave's speaker embedding to the reference's; 0 for a wave too short for one."""
    if len(wave) < MIN_REFERENCE_SECONDS * SPEECH_RATE:
        return 0.0
    heard = soxr.resample(wave, SPEECH_RATE, SAMPLE_RATE).astype(np.float32)
    with torch.no_grad():
        found = voice.decoder.embed_speaker(torch.from_numpy(heard)[None].to(speaker.device))
    return float(torch.cosine_similarity(found.flatten(), speaker.flatten(), dim=0))


def _smaller(job: PieceJob, speaker: Speaker) -> list[PieceJob]:
    """The job in parts of about equal length; none where it is too short for that."""
    longest = max(SMALLEST, -(-len(job.piece.text) * 2 // 3))
    parts = split_text(job.piece.text, longest)
    if len(parts) < 2:
        return []
    pauses = [*(part.pause for part in parts[:-1]), job.piece.pause]
    return [
        replace(
            job,
            piece=replace(job.piece, text=part.text, pause=pause),
            tokens=speaker.tokenizer.encode(part.text, speaker.language),
            seed=job.seed + number,
        )
        for number, (part, pause) in enumerate(zip(parts, pauses, strict=True))
    ]
