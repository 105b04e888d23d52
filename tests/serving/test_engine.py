"""The thread that speaks for all clients: time limits, places, and that a defect ends no server."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.conftest import sampling
from tests.speaking.conftest import speaker
from xttslab.model.voice import Speaking
from xttslab.serving.engine import Engine, EngineFault, TooManyLines, TooSlow
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.live_lines import LiveLines
from xttslab.speaking.speaker import Speaker

__all__ = ["speaker"]
LINE = SpeechLine("Jó estét kívánok!", Speaking(sampling(), seed=3, trim_babble=False))


async def heard(engine: Engine, speaker: Speaker, live: bool = True) -> np.ndarray:
    order = engine.speak(LINE, speaker.jobs([LINE]), live)
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
