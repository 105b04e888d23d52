"""Which take of a piece is kept, what is spoken again in parts, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from xttslab.errors import UserError
from xttslab.model.sampling import Generated
from xttslab.model.voice import Speaking
from xttslab.speaking import take_guard as module
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.piece_jobs import PieceJob
from xttslab.speaking.pieces import Piece
from xttslab.speaking.take_guard import TAKE_SEEDS, Take, TakeGuard, TakeJudgement

SETTINGS = Speaking(sampling())
RIGHT, WRONG = TakeJudgement(), TakeJudgement(("it is silent",), 20.0)


class Speakers:
    """A speaker of one piece a line, whose takes are known by the seed in their only code."""

    language = "hu"
    voice = SimpleNamespace(decode=lambda spoken, speaker, settings: np.zeros(0, np.float32))
    tokenizer = SimpleNamespace(encode=lambda text, language: np.arange(len(text)))

    def jobs(self, lines: Sequence[SpeechLine]) -> list[PieceJob]:
        return [
            PieceJob(
                row,
                Piece(line.text, 0.5),
                np.zeros(3),
                10 * row,
                SETTINGS,
                torch.zeros(2, 2),
                torch.zeros(2, 1),
            )
            for row, line in enumerate(lines)
        ]

    def pace(self, line: SpeechLine) -> None:
        return None


@pytest.fixture(autouse=True)
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept comes as it is."""
    monkeypatch.setattr(module, "join_jobs", lambda voice, lines, jobs, codes, paces: list(jobs))


def generate(jobs: Sequence[PieceJob]) -> list[Generated]:
    """Takes whose only code is their seed."""
    return [
        Generated(torch.tensor([job.seed]), torch.zeros(1, 2), torch.ones(1), True) for job in jobs
    ]


def judge_by(found: dict[tuple[str, int], TakeJudgement]):
    """A judge that knows takes by text and number; others are right at a cost of 1."""

    def judge(takes: Sequence[Take]) -> list[TakeJudgement]:
        return [
            found.get((take.text, int(take.spoken.codes[0]) // TAKE_SEEDS), TakeJudgement(cost=1.0))
            for take in takes
        ]

    return judge


def lines(*texts: str) -> list[SpeechLine]:
    return [SpeechLine(text, SETTINGS) for text in texts]


def test_the_take_of_least_cost_is_kept_and_the_first_of_equals() -> None:
    judge = judge_by(
        {("Egy.", 0): TakeJudgement(("late",), 9.0), ("Egy.", 2): TakeJudgement(cost=0.5)}
    )
    guard = TakeGuard(judge, takes=3)
    found = guard.speak(Speakers(), lines("Egy.", "Két."), generate)
    assert [job.seed for job in found] == [2 * TAKE_SEEDS, 10]
    assert (guard.tally.pieces, guard.tally.failed_first, guard.tally.failures) == (2, 1, [])
    assert guard.tally.report() == [
        "guard: 1 of 2 pieces had a fault in the first take, 0 in what was kept"
    ]


def test_what_fails_in_every_take_is_spoken_in_smaller_pieces() -> None:
    text = "Az első rész itt van, a második rész pedig ott."
    judge = judge_by({(text, take): WRONG for take in range(2)})
    guard = TakeGuard(judge, takes=2)
    found = guard.speak(Speakers(), lines(text), generate)
    assert [job.piece for job in found] == [
        Piece("Az első rész itt van,", 0.26),
        Piece("a második rész pedig ott.", 0.5),
    ]
    assert [len(job.tokens) for job in found] == [21, 25]
    assert (guard.tally.failed_first, guard.tally.failures) == (1, [])


def test_what_still_fails_is_kept_and_reported() -> None:
    text = "Az első rész itt van, a második rész pedig ott."
    guard = TakeGuard(lambda takes: [WRONG] * len(takes), takes=2)
    found = guard.speak(Speakers(), lines(text), generate) + guard.speak(
        Speakers(), lines("Ó."), generate
    )
    assert [job.piece.text for job in found] == [text, "Ó."]
    assert guard.tally.report() == [
        "guard: 2 of 2 pieces had a fault in the first take, 2 in what was kept",
        f"  {text!r}: it is silent",
        "  'Ó.': it is silent",
    ]
    assert guard.tally.metrics() == {
        "score/guard/failed_first": 1.0,
        "score/guard/failed_kept": 1.0,
    }


@pytest.mark.parametrize("takes", [0, 1, 21])
def test_a_number_of_takes_that_is_none(takes: int) -> None:
    with pytest.raises(UserError, match=f"^takes={takes}: give 2 to 20, or 1 for no choice$"):
        TakeGuard(lambda found: [], takes=takes)
