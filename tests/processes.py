"""Processes that train, forked from one that has imported what they need: that costs 8 s each."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from pathlib import Path

ROOT = Path(__file__).parents[1]
# They start no thread, so that a fork is safe.
_PRELOAD = ["mlflow", "sqlalchemy", "xttslab.training.run", "xttslab.commands"]
_INHERITED = ("XTTSLAB_RUN_NAME", "LOCAL_RANK", "RANK", "MASTER_PORT")
_LONGEST = 300.0  # seconds; processes that wait for each other for ever are faults


class Training:
    """`python -m xttslab.train` in the current folder, in a process of its own.

    `before` is called there first; `variables` are its environment's, beside this process' own.
    """

    def __init__(
        self,
        run: str,
        *overrides: str,
        before: Callable[[], None] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        _start_server(context)
        environment = {k: v for k, v in os.environ.items() if k not in _INHERITED}
        environment |= {"PYTHONPATH": str(ROOT), **(variables or {})}
        number = len(list(Path().glob("said_*")))
        self._said = Path.cwd() / f"said_{number}"
        self._said.touch()
        given = ([f"run_name={run}", *overrides], environment, str(Path.cwd()), str(self._said))
        self._process = context.Process(target=_train, args=(*given, before))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def running(self) -> bool:
        return self._process.exitcode is None

    def said(self) -> str:
        """What it has printed until now."""
        return self._said.read_text(encoding="utf-8")

    def ended(self) -> int:
        """Wait for its end: the exit status, or minus the signal that ended it."""
        self._process.join(_LONGEST)
        assert self._process.exitcode is not None, f"runs for {_LONGEST:.0f} s: {self.said()}"
        return self._process.exitcode


def _start_server(context: multiprocessing.context.ForkServerContext) -> None:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)  # what is preloaded is looked for there
    try:
        context.set_forkserver_preload(_PRELOAD)
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _train(
    overrides: list[str],
    environment: dict[str, str],
    folder: str,
    said: str,
    before: Callable[[], None] | None,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    output = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    # Lightning starts further processes by the command of this one.
    sys.argv = [str(ROOT / "xttslab" / "train.py"), *overrides]
    if before:
        before()
    from xttslab.commands import launch
    from xttslab.train import main

    launch(main, "train")
