"""Stages of work in; the seconds that each took by the clock and by the processor out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, process_time


class Stopwatch:
    """Adds up the stages of one process: `wall` and `cpu` map a stage to its seconds.

    Processor seconds count all threads of the process, so two cores give up to 2 a second; they
    say what a stage costs on a machine that others use too.
    """

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside; a stage that comes again is added to."""
        wall, cpu = perf_counter(), process_time()
        try:
            yield
        finally:
            self.wall[name] = self.wall.get(name, 0.0) + perf_counter() - wall
            self.cpu[name] = self.cpu.get(name, 0.0) + process_time() - cpu

    def lines(self) -> list[str]:
        """One line a stage and one for all: name, seconds by the clock, processor seconds."""
        rows = [*((name, self.wall[name], self.cpu[name]) for name in self.wall)]
        rows.append(("all stages", sum(self.wall.values()), sum(self.cpu.values())))
        return [f"{name:<12}{wall:8.1f} s {cpu:8.1f} CPU s" for name, wall, cpu in rows]
