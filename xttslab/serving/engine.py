"""Speaks the lines of all clients in one thread, which batches them while the GPT runs."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.live_lines import LiveLines
from xttslab.speaking.piece_jobs import PieceJob
from xttslab.speaking.speaker import Speaker

log = logging.getLogger(__name__)
_IDLE_S = 0.5  # between two looks at whether to end


class TooManyLines(Exception):
    """All places are taken."""


class TooSlow(Exception):
    """A line was not spoken and heard in the time that it may take."""


class EngineFault(Exception):
    """A defect of the program ended the lines that were spoken."""


@dataclass(eq=False)
class _Order:
    """One line that is wanted, on its way between the event loop and the engine's thread."""

    line: SpeechLine
    jobs: Sequence[PieceJob]
    live: bool
    loop: asyncio.AbstractEventLoop
    answers: asyncio.Queue  # of (wave, over, codes), or of an exception
    number: int | None = None  # in the thread's LiveLines
    given_up: bool = False

    def answer(self, given: tuple[np.ndarray, bool, int] | Exception) -> None:
        try:
            self.loop.call_soon_threadsafe(self.answers.put_nowait, given)
        except RuntimeError:
            self.given_up = True  # the event loop has ended


class SpokenOrder:
    """One line while it is spoken: iterate over its sound, and close it.

    Attributes:
        tokens: of its text.
        codes: audio codes that were spent on it so far.
    """

    def __init__(self, engine: Engine, order: _Order, seconds: float) -> None:
        self._engine, self._order = engine, order
        self._until = time.monotonic() + seconds
        self._seconds, self._open = seconds, True
        self.tokens = sum(len(job.tokens) for job in order.jobs)
        self.codes = 0

    async def waves(self) -> AsyncIterator[np.ndarray]:
        """The samples (n,) float32 at SPEECH_RATE as they come; those of a whole line at once.

        The place is free before the last ones are given. Raises TooSlow, and EngineFault.
        """
        over = False
        while not over:
            try:
                async with asyncio.timeout(self._until - time.monotonic()):
                    answer = await self._order.answers.get()
            except TimeoutError:
                self.close()
                raise TooSlow(f"it took longer than {self._seconds:g} s") from None
            if isinstance(answer, Exception):
                self.close()
                raise answer
            wave, over, self.codes = answer
            if over:
                self.close()
            if len(wave):
                yield wave

    def close(self) -> None:
        """Free the place; what is not spoken yet will not be."""
        if self._open:
            self._open = False
            self._engine.leave(self._order)


class Engine:
    """Speaks for several clients at once. All methods but the thread's belong to one event loop.

    Args:
        speaker: the voice.
        together: pieces of all lines that are generated at once.
        places: lines that are spoken or wait; one more is refused.
        seconds: that a line may take until all of it was taken by its client.
    """

    def __init__(self, speaker: Speaker, together: int, places: int, seconds: float) -> None:
        self._speaker, self._together = speaker, together
        self._places, self._seconds = places, seconds
        self._inbox: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._orders: set[_Order] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return len(self._orders)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being spoken ends unfinished."""
        self._ending.set()
        self._thread.join()

    def speak(self, line: SpeechLine, jobs: Sequence[PieceJob], live: bool) -> SpokenOrder:
        """Take a line on, whose `jobs` are `Speaker.jobs([line])`; raises TooManyLines."""
        if self.taken >= self._places:
            raise TooManyLines(f"all {self._places} places are taken; try again in a moment")
        loop = asyncio.get_running_loop()
        order = _Order(line, jobs, live, loop, asyncio.Queue())
        self._orders.add(order)
        self._inbox.put(order)
        return SpokenOrder(self, order, self._seconds)

    def leave(self, order: _Order) -> None:
        """Forget a line; the thread speaks it no further."""
        order.given_up = True
        self._orders.discard(order)

    def _run(self) -> None:
        spoken: dict[int, _Order] = {}
        lines = LiveLines(self._speaker.voice, self._together)
        while not self._ending.is_set():
            try:
                self._take(lines, spoken)
                if len(lines):
                    self._step(lines, spoken)
            except Exception as fault:  # a defect must not end the server
                log.exception("speaking failed; %d lines are given up", len(spoken))
                for order in spoken.values():
                    order.answer(EngineFault(f"speaking failed: {type(fault).__name__}"))
                spoken, lines = {}, LiveLines(self._speaker.voice, self._together)

    def _take(self, lines: LiveLines, spoken: dict[int, _Order]) -> None:
        """Let new lines join; waits for one where nothing is spoken."""
        wait = not len(lines)
        while True:
            try:
                order = self._inbox.get(wait, _IDLE_S if wait else None)
            except queue.Empty:
                return
            wait = False
            if not order.given_up:
                order.number = lines.add(order.line, order.jobs, order.live)
                spoken[order.number] = order

    def _step(self, lines: LiveLines, spoken: dict[int, _Order]) -> None:
        for number, order in list(spoken.items()):
            if order.given_up:
                lines.drop(number)
                del spoken[number]
        for chunk in lines.step():
            order = spoken[chunk.line]
            order.answer((chunk.wave, chunk.over, chunk.codes))
            if chunk.over:
                del spoken[chunk.line]
