"""Runs the stages of a measurement: times them, shows progress, notes missing predictors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from time import perf_counter, process_time
from typing import TypeVar

from rich import get_console
from rich.progress import Progress, TaskID

from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation.recognition import RecogniserFault
from xttslab.progress import doing


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


Result = TypeVar("Result")
Item = TypeVar("Item")


class StageRunner(AbstractContextManager["StageRunner"]):
    """Runs the stages: shows their progress, times them, notes which predictors are missing.

    `watch` adds the stages of several measurements up.
    """

    def __init__(self, progress: bool, clips: int, watch: Stopwatch | None = None) -> None:
        self._own = Stopwatch()
        self._watches = [self._own, *([watch] if watch else [])]
        self.missing: dict[str, str] = {}
        self._shown = progress and get_console().is_terminal  # in a log they leave empty lines
        self._bars = Progress(disable=not self._shown, transient=True)
        self._clips = clips
        self._task: TaskID | None = None

    @property
    def seconds(self) -> dict[str, float]:
        """Stage → seconds by the clock."""
        return self._own.wall

    def __enter__(self) -> StageRunner:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def run(self, stage: str, measures: Sequence[str], work: Callable[[], Result]) -> Result | None:
        """Do one stage; a missing predictor is noted for its measures and gives None."""
        self._task = self._bars.add_task(stage, total=self._clips)
        task = self._bars.tasks[self._task]
        doing(lambda: f"measuring {stage}: {task.completed:.0f} of {self._clips}", self._shown)
        try:
            with ExitStack() as timed:
                for watch in self._watches:
                    timed.enter_context(watch.stage(stage))
                return work()
        except PredictorMissing as fault:
            option = "evaluation.scoring.recogniser." if isinstance(fault, RecogniserFault) else ""
            self.missing |= dict.fromkeys(measures, f"{option}{fault}")
            return None
        finally:
            self._bars.update(self._task, completed=self._clips)
            doing(f"comparing {stage} with the real recordings")

    def each(
        self,
        stage: str,
        measures: Sequence[str],
        items: Sequence[Item],
        work: Callable[[Item], Result],
    ) -> list[Result | None]:
        """Do one stage clip by clip; a missing predictor gives None for all of them."""
        found = self.run(stage, measures, lambda: [work(item) for item in self._advancing(items)])
        return [None] * len(items) if found is None else list(found)

    def advance(self, clips: int) -> None:
        """Say that so many clips more are done in the stage that runs."""
        if self._task is not None:
            self._bars.advance(self._task, clips)

    def _advancing(self, items: Sequence[Item]) -> Iterator[Item]:
        for item in items:
            yield item
            self.advance(1)
