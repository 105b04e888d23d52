"""The thread that speaks for all clients: time limits, places, and that a defect ends no server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from tests.conftest import sampling
from tests.speaking.conftest import speaker
from xttslab.model.voice import Speaking
from xttslab.serving.engine import Engine, EngineFault, TooManyLines, TooSlow
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.live_lines import LiveLines
from xttslab.speaking.piece_jobs import generate_jobs
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.take_guard import Take, TakeGuard, TakeJudgement

__all__ = ["speaker"]
TEXT = "Jó estét kívánok mindenkinek, aki hallgat!"
LINE = SpeechLine(TEXT, Speaking(sampling(), seed=3, trim_babble=False))


async def heard(
    engine: Engine, speaker: Speaker, live: bool = True, guard: TakeGuard | None = None
) -> np.ndarray:
    order = engine.speak(LINE, speaker.jobs([LINE]), live, guard)
    return np.concatenate([wave async for wave in order.waves()])


def with_engine(speaker: Speaker, work, places: int = 2, seconds: float = 60.0):
    engine = Engine(speaker, 4, places, seconds)
    engine.start()
    try:
        return asyncio.run(work(engine))
    finally:
        engine.stop()


def test_lines_of_several_clients_are_what_each_would_be_alone(speaker: Speaker) -> None:
    (alone,) = speaker.speak([LINE])

    async def work(engine: Engine) -> list[np.ndarray]:
        both = (heard(engine, speaker, live) for live in (True, False))
        found = await asyncio.gather(*both)
        assert engine.taken == 0
        return found

    for wave in with_engine(speaker, work):
        assert len(wave) == pytest.approx(len(alone.wave), abs=480)


def second_of_two(takes: Sequence[Take]) -> list[TakeJudgement]:
    return [TakeJudgement(("late",) * (row == 0), 1.0 - row) for row in range(len(takes))]


def test_the_best_take_is_what_the_guard_keeps_without_a_server(speaker: Speaker) -> None:
    ours, theirs = TakeGuard(second_of_two, 2), TakeGuard(second_of_two, 2)
    (alone,) = ours.speak(speaker, [LINE], partial(generate_jobs, speaker.voice, together=4))

    async def work(engine: Engine) -> list[np.ndarray]:
        found = await asyncio.gather(heard(engine, speaker, guard=theirs), heard(engine, speaker))
        assert engine.taken == 0
        return found

    best, first = with_engine(speaker, work)
    np.testing.assert_allclose(best, alone.wave, atol=1e-4)
    assert len(best) != len(first) or not np.allclose(best, first, atol=1e-3)
    assert theirs.tally.report() == ours.tally.report()
    assert (theirs.tally.failed_first, theirs.tally.failures) == (1, [])


def test_a_client_that_leaves_ends_its_takes(speaker: Speaker) -> None:
    judging, left = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def judge(takes: Sequence[Take]) -> list[TakeJudgement]:
        judging.set()
        left.wait(30)
        return [TakeJudgement(("babble",), 20.0)] * len(takes)

    class Watched(TakeGuard):
        def speak(self, *given):
            try:
                return super().speak(*given)
            except EngineFault as fault:
                ended.append(fault)
                raise

    async def work(engine: Engine) -> None:
        leaving = asyncio.create_task(heard(engine, speaker, guard=Watched(judge, 2)))
        await asyncio.to_thread(judging.wait, 30)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert engine.taken == 0
        left.set()

    with_engine(speaker, work)  # waits for the guard's thread
    assert [str(fault) for fault in ended] == ["the client went away"]


def test_a_judge_that_breaks_ends_its_line_alone(speaker: Speaker) -> None:
    def broken(takes: Sequence[Take]) -> list[TakeJudgement]:
        raise ZeroDivisionError

    async def work(engine: Engine) -> None:
        with pytest.raises(EngineFault, match="takes could not be judged: ZeroDivisionError"):
            await heard(engine, speaker, guard=TakeGuard(broken, 2))
        assert len(await heard(engine, speaker)) > 0

    with_engine(speaker, work)


def test_places_are_counted_and_freed(speaker: Speaker) -> None:
    async def work(engine: Engine) -> None:
        orders = [engine.speak(LINE, speaker.jobs([LINE]), True) for _ in range(2)]
        with pytest.raises(TooManyLines, match="all 2 places are taken"):
            engine.speak(LINE, speaker.jobs([LINE]), True)
        orders[0].close()
        orders[0].close()
        assert engine.taken == 1
        assert len(await heard(engine, speaker)) > 0

    with_engine(speaker, work)


def test_what_takes_too_long_is_given_up(speaker: Speaker) -> None:
    async def work(engine: Engine) -> None:
        with pytest.raises(TooSlow, match="longer than 0 s"):
            await heard(engine, speaker)
        assert engine.taken == 0

    with_engine(speaker, work, seconds=0.0)


def test_a_defect_ends_what_is_spoken_and_not_the_server(speaker: Speaker, monkeypatch) -> None:
    def broken(lines: LiveLines) -> None:
        raise ZeroDivisionError

    async def work(engine: Engine) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(LiveLines, "step", broken)
            with pytest.raises(EngineFault, match="speaking failed: ZeroDivisionError"):
                await heard(engine, speaker)
        assert engine.taken == 0
        assert len(await heard(engine, speaker)) > 0

    with_engine(speaker, work)


@pytest.mark.parametrize("late", [False, True])
def test_nobody_waits_for_an_engine_that_has_ended(speaker: Speaker, late: bool) -> None:
    engine = Engine(speaker, 4, 2, 5.0)

    async def work() -> None:
        jobs = speaker.jobs([LINE])
        if late:
            engine.start()
            engine.stop()
        order = engine.speak(LINE, jobs, True)
        if not late:  # it waits when the end comes
            engine._ending.set()
            engine.start()
        with pytest.raises(EngineFault, match="the server ends"):
            await anext(order.waves())

    asyncio.run(work())
    engine.stop()
