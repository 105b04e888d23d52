"""Speaks the lines of all clients in one thread, which batches them while the GPT runs."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from xttslab.errors import UserError
from xttslab.model.sampling import Generated
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.live_lines import LineChunk, LiveLines
from xttslab.speaking.piece_jobs import PieceJob
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.take_guard import TakeGuard

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_GIVEN_UP = "the client went away"
_ENDED = "the server ends"
_IDLE_S = 0.5  # between two looks at whether to end


class TooManyLines(Exception):
    """All places are taken."""


class TooSlow(Exception):
    """A line was not spoken and heard in the time that it may take."""


class EngineFault(Exception):
    """A defect of the program ended the lines that were spoken."""


@dataclass(eq=False)
class _Order:
    """What the engine's thread is to speak, and where it answers: the chunks, or an exception."""

    line: SpeechLine
    jobs: Sequence[PieceJob]
    live: bool
    answer: Callable[[LineChunk | Exception], None]
    decoded: bool = True
    number: int | None = None  # in the thread's LiveLines
    given_up: bool = False


class SpokenOrder:
    """One line while it is spoken: iterate over its sound, and close it.

    Attributes:
        tokens: of its text.
        codes: audio codes that were spent on it so far.
    """

    def __init__(
        self, engine: Engine, line: SpeechLine, jobs: Sequence[PieceJob], live: bool
    ) -> None:
        self._engine, self._open = engine, True
        self._until = time.monotonic() + engine.seconds
        self.tokens = sum(len(job.tokens) for job in jobs)
        self.codes = 0
        self._answers: asyncio.Queue[LineChunk | Exception] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._order = _Order(line, jobs, live, self._answer)

    def begin(self) -> None:
        """Let the engine speak."""
        self._engine.give(self._order)

    async def waves(self) -> AsyncIterator[np.ndarray]:
        """The samples (n,) float32 at SPEECH_RATE as they come; those of a whole line at once.

        The place is free before the last ones are given. Raises TooSlow, and EngineFault.
        """
        over = False
        while not over:
            answer = await self._in_time(self._answers.get())
            if isinstance(answer, Exception):
                self.close()
                raise answer
            over, self.codes = answer.over, answer.codes
            if over:
                self.close()
            if len(answer.wave):
                yield answer.wave

    async def _in_time(self, work: Awaitable[Result]) -> Result:
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                return await work
        except TimeoutError:
            self.close()
            raise TooSlow(f"it took longer than {self._engine.seconds:g} s") from None

    def close(self) -> None:
        """Free the place; what is not spoken yet will not be."""
        self._open = False
        self._order.given_up = True
        self._engine.leave(self)

    def _answer(self, given: LineChunk | Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answers.put_nowait, given)
        except RuntimeError:
            self._order.given_up = True  # the event loop has ended


class BestTakes(SpokenOrder):
    """A line of which a guard has several takes spoken, in the batch of all lines, and keeps the
    best. It works in a thread of its own, so that the engine speaks on while takes are judged."""

    def __init__(
        self,
        engine: Engine,
        line: SpeechLine,
        jobs: Sequence[PieceJob],
        guard: TakeGuard,
    ) -> None:
        super().__init__(engine, line, jobs, False)
        self._line, self._guard = line, guard

    def begin(self) -> None:
        """The guard's thread begins with the first look at the sound."""

    async def waves(self) -> AsyncIterator[np.ndarray]:
        """The samples (n,) of the whole line; raises as `SpokenOrder.waves` does."""
        try:
            work = asyncio.to_thread(
                self._guard.speak, self._engine.speaker, [self._line], self._codes
            )
            (spoken,) = await self._in_time(work)
        except (UserError, EngineFault, TooSlow):
            raise
        except Exception as fault:  # of the judge
            log.exception("takes could not be judged")
            raise EngineFault(f"takes could not be judged: {type(fault).__name__}") from fault
        finally:
            self.close()
        yield spoken.wave

    def _codes(self, jobs: Sequence[PieceJob]) -> Sequence[Generated | None]:
        """What the engine's thread generates for the guard's."""
        if not jobs:
            return []
        found: Future[LineChunk] = Future()

        def answer(given: LineChunk | Exception) -> None:
            if isinstance(given, Exception):
                found.set_exception(given)
            else:
                found.set_result(given)

        self._order = _Order(self._line, jobs, False, answer, decoded=False)
        if not self._open:  # the client went away while takes were judged
            raise EngineFault(_GIVEN_UP)
        self._engine.give(self._order)
        chunk = found.result()
        self.codes += chunk.codes
        return chunk.spoken


class Engine:
    """Speaks for several clients at once. All methods but the thread's belong to one event loop.

    Args:
        speaker: the voice.
        together: pieces of all lines that are generated at once.
        places: lines that are spoken or wait; one more is refused.
        seconds: that a line may take until all of it was taken by its client.
    """

    def __init__(self, speaker: Speaker, together: int, places: int, seconds: float) -> None:
        self.speaker, self.seconds = speaker, seconds
        self._together, self._places = together, places
        self._inbox: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._orders: set[SpokenOrder] = set()
        self._ending = threading.Event()
        self._ended, self._end_lock = False, threading.Lock()  # whether orders are taken no more
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

    def speak(
        self,
        line: SpeechLine,
        jobs: Sequence[PieceJob],
        live: bool,
        guard: TakeGuard | None = None,
    ) -> SpokenOrder:
        """Take a line on, whose `jobs` are `Speaker.jobs([line])`; a `guard` keeps the best of
        its takes. Raises TooManyLines."""
        if self.taken >= self._places:
            raise TooManyLines(f"all {self._places} places are taken; try again in a moment")
        order = BestTakes(self, line, jobs, guard) if guard else SpokenOrder(self, line, jobs, live)
        self._orders.add(order)
        order.begin()
        return order

    def give(self, order: _Order) -> None:
        """Hand an order to the thread; from any thread. One that comes after the end is given up,
        so that nobody waits for it."""
        with self._end_lock:
            if not self._ended:
                self._inbox.put(order)
                return
        _give_up([order], _ENDED)

    def leave(self, order: SpokenOrder) -> None:
        """Free a line's place."""
        self._orders.discard(order)

    def _run(self) -> None:
        spoken: dict[int, _Order] = {}
        lines = LiveLines(self.speaker.voice, self._together)
        while not self._ending.is_set():
            try:
                self._take(lines, spoken)
                if len(lines):
                    self._step(lines, spoken)
            except Exception as fault:  # a defect must not end the server
                log.exception("speaking failed; %d lines are given up", len(spoken))
                _give_up(spoken.values(), f"speaking failed: {type(fault).__name__}")
                spoken, lines = {}, LiveLines(self.speaker.voice, self._together)
        with self._end_lock:
            self._ended = True
        waiting = []
        while not self._inbox.empty():
            waiting.append(self._inbox.get())
        _give_up([*spoken.values(), *waiting], _ENDED)

    def _take(self, lines: LiveLines, spoken: dict[int, _Order]) -> None:
        """Let new lines join; waits for one where nothing is spoken."""
        wait = not len(lines)
        while True:
            try:
                order = self._inbox.get(wait, _IDLE_S if wait else None)
            except queue.Empty:
                return
            wait = False
            if order.given_up:
                _give_up([order], _GIVEN_UP)
                continue
            order.number = lines.add(order.line, order.jobs, order.live, order.decoded)
            spoken[order.number] = order

    def _step(self, lines: LiveLines, spoken: dict[int, _Order]) -> None:
        for number, order in list(spoken.items()):
            if order.given_up:
                lines.drop(number)
                _give_up([spoken.pop(number)], _GIVEN_UP)
        for chunk in lines.step():
            order = spoken[chunk.line]
            order.answer(chunk)
            if chunk.over:
                del spoken[chunk.line]


def _give_up(orders: Iterable[_Order], reason: str) -> None:
    """Tell whoever waits for them."""
    for order in orders:
        order.answer(EngineFault(reason))
