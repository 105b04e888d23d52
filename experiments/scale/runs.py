"""Numbers of logged runs in, how store, searches and `sync` grow with them out.

    python -m experiments.scale.runs --runs 1 10 100 1000 --folder FOLDER

Runs of 20 epochs with 60 values each, logged as trainings log them, one after the other, into one
sqlite store. At each number: the database's size, the seconds of one more run, of finding the best
run, of `sync` with nothing to send, and of gathering a sweep's children.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path

from xttslab.tracking.client import open_client
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.runs import find_run
from xttslab.tracking.sender import send_held_back
from xttslab.tuning.sweep_run import children

EPOCHS, VALUES = 20, 60


def log_run(number: int, uri: str) -> None:
    name = f"run_{number:04d}"
    tags = {"dataset": "made_up", "monitor": "eval/mel_ce", "xttslab.parent": "scale"}
    tracker = RunTracker.start(Path("outputs", name), name, uri=uri, tags=tags)
    tracker.log_params({f"group.key_{n}": n for n in range(150)})
    for epoch in range(EPOCHS):
        loss = 4 + math.exp(-epoch) + number * 1e-6
        tracker.log_metrics({f"eval/part_{n}": loss for n in range(VALUES)}, epoch)
    tracker.set_tags({"best_value": loss, "best_epoch": EPOCHS})
    if not tracker.finish():
        raise SystemExit(f"{name} did not arrive")


def look(uri: str, outputs: Path) -> dict[str, float]:
    """Seconds of what people and programs ask of a store."""
    asked = {
        "best_s": lambda: find_run("best:made_up", uri),
        "by_name_s": lambda: find_run("run_0000", uri),
        "sync_s": lambda: list(send_held_back(outputs)),
        "children_s": lambda: children(outputs, "scale"),
    }
    found = {}
    for name, ask in asked.items():
        started = time.perf_counter()
        ask()
        found[name] = round(time.perf_counter() - started, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--folder", type=Path, default=Path("outputs/scale"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(options.folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    Path("mlruns").mkdir(exist_ok=True)
    uri = f"sqlite:///{Path('mlruns/mlflow.db').absolute()}"
    open_client(uri)  # a new database takes seconds to make
    there = len(list(Path("outputs").glob("run_*/metrics.jsonl")))
    for wanted in options.runs:
        last = 0.0
        while there < wanted:
            started = time.perf_counter()
            log_run(there, uri)
            last, there = time.perf_counter() - started, there + 1
        size = Path("mlruns/mlflow.db").stat().st_size / 1e6
        found = {"runs": there, "database_mb": round(size, 1), "last_run_s": round(last, 2)}
        print(json.dumps(found | look(uri, Path("outputs"))), flush=True)


if __name__ == "__main__":
    main()
