"""Commands in processes of their own, forked from one that has imported what they need: that
costs 8 s once, not in each."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# They start no thread, so that a fork is safe.
_PRELOAD = ["mlflow", "sqlalchemy", "xttslab.training.run", "xttslab.commands"]
_INHERITED = ("XTTSLAB_RUN_NAME", "LOCAL_RANK", "RANK", "MASTER_PORT")
_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_LONGEST = 300.0  # seconds; processes that wait for each other for ever are faults


class Command:
    """`python -m NAME` in `folder`, the current one unless told; a name alone is xttslab's.

    `before` is called there first; `variables` are its environment's, beside this process' own.
    """

    def __init__(
        self,
        name: str,
        *arguments: str,
        folder: Path | None = None,
        before: Callable[[], None] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in _INHERITED}
        environment |= {"PYTHONPATH": str(ROOT), **(variables or {})}
        name = name if "." in name else f"xttslab.{name}"
        place = (folder or Path.cwd()).resolve()
        files = tempfile.mkdtemp(prefix=f"{name}_")
        weakref.finalize(self, shutil.rmtree, files, ignore_errors=True)
        self._out, self._err = (Path(files, stream) for stream in ("out", "err"))
        given = (name, list(arguments), environment, str(place), str(self._out), str(self._err))
        self._process = multiprocessing.get_context(_START).Process(
            target=_run, args=(*given, before)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def running(self) -> bool:
        return self._process.exitcode is None

    @property
    def stdout(self) -> str:
        """What it has printed until now."""
        return self._out.read_text(encoding="utf-8") if self._out.exists() else ""

    @property
    def stderr(self) -> str:
        """What it has complained of until now."""
        return self._err.read_text(encoding="utf-8") if self._err.exists() else ""

    def said(self) -> str:
        """Both."""
        return self.stdout + self.stderr

    @property
    def returncode(self) -> int:
        return self.ended()

    def ended(self) -> int:
        """Wait for its end: the exit status, or minus the signal that ended it."""
        self._process.join(_LONGEST)
        assert self._process.exitcode is not None, f"runs for {_LONGEST:.0f} s: {self.said()}"
        return self._process.exitcode


class Training(Command):
    """`python -m xttslab.train run_name=RUN` in the current folder."""

    def __init__(self, run: str, *overrides: str, **more: Any) -> None:
        super().__init__("train", f"run_name={run}", *overrides, **more)


def share_imports() -> None:
    """Let every process that the fork server starts find these imports done, also where a test of
    `data.parallel` is the first to start it."""
    if _START == "forkserver":
        os.environ["PYTHONPATH"] = str(ROOT)  # what is preloaded is looked for there
        multiprocessing.get_context("forkserver").set_forkserver_preload(_PRELOAD)
        multiprocessing.set_forkserver_preload = lambda modules: None


def _run(
    name: str,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    out: str,
    err: str,
    before: Callable[[], None] | None,
) -> None:
    if hasattr(signal, "pthread_sigmask"):  # blocked where `data.parallel` began the fork server
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, stream.fileno())
    # Lightning starts further processes by the command of this one.
    sys.argv = [str(ROOT / f"{name.replace('.', '/')}.py"), *arguments]
    warnings.simplefilter("ignore")
    if before:
        before()
    runpy.run_module(name, run_name="__main__")
