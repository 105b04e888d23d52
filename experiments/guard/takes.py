"""Speaks sentences of the small base with and without several takes, and counts failures.

    python -m experiments.guard.takes sentences=200 takes=3

Prints how many pieces have a fault in their first take and in the kept one by the guard's own
judge, the letters misheard of both, and the seconds of generating, judging and speaking again.
The words are heard by the judge's recogniser, so its own mistakes are in both counts; the figure
`without words` chooses by pace and ending alone and is counted by words: there the ear that counts
had no say in the choice.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from time import perf_counter

import numpy as np

from experiments.guard.speech import base_speaker, texts, usual_settings
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.take_judge import TakeJudge
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.piece_jobs import generate_jobs
from xttslab.speaking.speaker import TOGETHER
from xttslab.speaking.take_guard import Take, TakeGuard, TakeJudgement


class Timed:
    """A judge that remembers what it judged and how long that took."""

    def __init__(self, judge: TakeJudge) -> None:
        self.judge, self.seconds = judge, 0.0
        self.takes: list[Take] = []
        self.found: list[TakeJudgement] = []

    def __call__(self, takes: Sequence[Take]) -> list[TakeJudgement]:
        """Judge, and keep the time."""
        start = perf_counter()
        found = self.judge(takes)
        self.seconds += perf_counter() - start
        self.takes += takes
        self.found += found
        return found


def main() -> None:
    """Speak and print."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    count, takes = int(given.get("sentences", 200)), int(given.get("takes", 3))
    speaker = base_speaker()
    lines = [SpeechLine(text, usual_settings(70_000 + n)) for n, text in enumerate(texts(count))]
    print(f"{len(lines)} sentences, {takes} takes")
    by_words = TakeJudge(Recogniser(batch_size=16), "hu")
    start = perf_counter()
    speaker.speak(lines)
    print(f"one take, no judge: {perf_counter() - start:.0f} s", flush=True)

    judge = Timed(by_words)
    guard = TakeGuard(judge, takes)
    start = perf_counter()
    guard.speak(speaker, lines, partial(generate_jobs, speaker.voice, together=TOGETHER))
    print(f"by words: {perf_counter() - start:.0f} s, {judge.seconds:.0f} s of them judging")
    print("\n".join(guard.tally.report()), flush=True)
    # The first takes and those that a guard without words would choose, by the same judgements.
    pieces = len(lines)
    firsts = judge.found[: pieces * takes : takes]
    unheard = TakeJudge(None, "hu")(judge.takes[: pieces * takes])
    costs = np.array([one.cost for one in unheard]).reshape(pieces, takes)
    chosen = [judge.found[row * takes + int(best)] for row, best in enumerate(costs.argmin(1))]
    for name, found in (("first take", firsts), ("chosen without words", chosen)):
        failed = sum(bool(one.faults) for one in found)
        print(f"{name}: {failed} of {pieces} with a fault by words")


if __name__ == "__main__":
    main()
