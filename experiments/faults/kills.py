"""Kill a training at random moments, go on each time; a table of what came of it comes out.

    python -m experiments.faults.kills --kills 60 --folder FOLDER

A run of a tiny model on made-up clips is trained once without a fault. Then runs with the same
settings are killed by SIGKILL (during a step, while a checkpoint, the best weights or the metrics
are written, while sentences are spoken, while records are logged or sent, at the end, or at any
time) and resumed until they are finished. Each must have the metrics of the first run to 1e-6, and
every epoch once in MLflow. Every attempt is a process of its own, forked from one that has the
libraries loaded; what it knows of the run, it knows from the disk. The folder keeps the state: the
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.faults.comparing import differences

# Where a kill is aimed at, and within how many seconds after it began, about as long as it takes.
MOMENTS = {
    "any time": 4.0,
    "step": 0.05,
    "checkpoint": 0.03,
    "best weights": 0.02,
    "metrics file": 0.002,
    "sampling": 0.6,
    "logging": 0.005,
    "sending": 0.02,
    "end": 0.1,
}
EPOCHS = 6
OPTIONS = [
    f"trainer.max_epochs={EPOCHS}", "batch.clips=2", "checkpoint.every_minutes=0", "timed_steps=0",
    "samples.every_n_epochs=1", "samples.score_every_n_epochs=0",
    "samples.sentences=[{category: greeting, text: Szia}]",
]  # fmt: skip


def attempt(run: str, moment: str, count: int, delay: float) -> str:
    """Train or resume `run`; SIGKILL it `delay` seconds after the `count`-th time that it comes to
    `moment`. Returns "killed" or "finished"."""
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(told)
        code = 1
        try:
            _watch(moment, count, lambda: os.write(tell, b"x"))
            _train(run)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(tell)
    reached = os.read(told, 1)  # empty when the process ended without coming there
    os.close(told)
    if reached:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    if os.WEXITSTATUS(status):
        raise SystemExit(f"{run}: ended by itself with {os.WEXITSTATUS(status)}, see above")
    return "finished"


def _train(run: str) -> None:
    from hydra import compose, initialize_config_dir

    from tests.conftest import CONF, QUICK, TINY_MODEL
    from xttslab.training.run import train

    chosen = ["dataset=milliomos", *TINY_MODEL, *QUICK, *OPTIONS, f"run_name={run}", "resume=true"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", chosen)
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    train(config)


def _watch(moment: str, count: int, tell: Callable[[], object]) -> None:
    """Have `tell` called the `count`-th time that the process comes to `moment`."""
    from xttslab.tracking.journal import Journal
    from xttslab.tracking.run_tracker import RunTracker
    from xttslab.tracking.writer import RunWriter
    from xttslab.training import checkpointing as keeping
    from xttslab.training import run
    from xttslab.training.gpt_stage import GptStage
    from xttslab.training.samples import SpokenSamples

    places: dict[str, tuple[Any, str]] = {
        "step": (GptStage, "training_step"),
        "checkpoint": (keeping.AtomicCheckpointIO, "save_checkpoint"),
        "best weights": (keeping, "write_tensors"),
        "metrics file": (RunTracker, "_write_rows"),
        "sampling": (SpokenSamples, "_write"),
        "logging": (Journal, "append"),
        "sending": (RunWriter, "send"),
        "end": (run, "_conclude"),
    }
    if moment not in places:
        if moment != "never":
            tell()
        return
    owner, name = places[moment]
    original, seen = getattr(owner, name), Counter()

    def watched(*args: object, **kwargs: object) -> object:
        seen[name] += 1
        if seen[name] == count:
            tell()
        return original(*args, **kwargs)

    setattr(owner, name, watched)


def preload() -> None:
    """Load what every attempt needs, and start no thread (threads do not survive a fork)."""
    warnings.filterwarnings("ignore")
    import mlflow.tracking  # noqa: F401

    import tests.conftest  # noqa: F401
    import xttslab.training.run  # noqa: F401


def furnish(folder: Path) -> None:
    """The data set and an empty store, once."""
    from tests.conftest import make_clips
    from xttslab.tracking.client import open_client

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    if not Path("data/milliomos/metadata.csv").exists():
        make_clips(Path("data/milliomos"), "milliomos", ["greeting", "tension"])
    Path("mlruns").mkdir(exist_ok=True)
    if not (child := os.fork()):  # its threads and connections end with it
        open_client(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
        os._exit(0)
    os.waitpid(child, 0)


def kill_until(wanted: int, log: Path) -> list[dict[str, object]]:
    """Kill run after run until there are `wanted` kills and the last run is finished."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    done = [json.loads(line) for line in lines]
    while sum(entry["end"] == "killed" for entry in done) < wanted or done[-1]["end"] == "killed":
        chance = random.Random(len(done))
        runs = sum(entry["end"] == "finished" for entry in done)
        moment = chance.choice(list(MOMENTS))
        often = 8 if moment in ("step", "logging", "sending") else 2
        count, delay = chance.randint(1, often), chance.uniform(0, MOMENTS[moment])
        started = time.monotonic()
        end = attempt(f"cut_{runs:02d}", moment, count, delay)
        took = round(time.monotonic() - started, 1)
        done.append({"run": f"cut_{runs:02d}", "moment": moment, "end": end, "seconds": took})
        with log.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(done[-1]) + "\n")
        print(*done[-1].values(), flush=True)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("outputs/kills"))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    preload()
    furnish(options.folder)
    if not Path("outputs/whole/finished").exists():
        _whole()
    done = kill_until(options.kills, Path("kills.jsonl"))
    killed = Counter(entry["moment"] for entry in done if entry["end"] == "killed")
    runs = sorted({str(entry["run"]) for entry in done})
    found = {run: differences(run, "whole", EPOCHS) for run in runs}
    print(f"{killed.total()} kills of {len(runs)} runs:", dict(killed))
    for run, faults in found.items():
        print(run, *(faults or ["as the run without a fault"]), sep="\n  ")
    sys.exit(any(found.values()))


def _whole() -> None:
    if attempt("whole", "never", 0, 0.0) != "finished":
        raise SystemExit("the run without a fault was killed")


if __name__ == "__main__":
    main()
