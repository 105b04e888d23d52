"""A training with its server down from start to end; what that costs, and what `sync` brings, out.

    python -m experiments.faults.outage --folder FOLDER

Two runs of a tiny model on made-up clips with the same settings: one tracked directly, one with a
server that nobody answers for. Both note how long the training waited for its tracker. Then `sync`
sends the second to the first one's store, and everything that the store holds of both is compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.faults.comparing import differences
from experiments.faults.kills import EPOCHS, OPTIONS, furnish

DEAD = "http://127.0.0.1:9"
ROOT = Path(__file__).parents[2]
CALLS = ("log_params", "set_tags", "log_metrics", "log_dataset", "log_artifact", "log_text")


def measured(run: str, uri: str) -> dict[str, float]:
    """Train; seconds in all, in the tracker's calls while training, and in its end."""
    from hydra import compose, initialize_config_dir

    from tests.conftest import CONF, QUICK, TINY_MODEL
    from xttslab.tracking.run_tracker import RunTracker
    from xttslab.training.run import train

    spent = {"calls": 0.0, "finish": 0.0}
    for name in CALLS:
        setattr(RunTracker, name, _timed(getattr(RunTracker, name), spent, "calls"))
    RunTracker.finish = _timed(RunTracker.finish, spent, "finish")
    chosen = ["dataset=milliomos", *TINY_MODEL, *QUICK, *OPTIONS, f"run_name={run}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [*chosen, f"tracking.uri={uri}"])
    started = time.perf_counter()
    train(config)
    return {"all": time.perf_counter() - started, **spent}


def _timed(call: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    depth = [0]  # log_artifact calls itself for folders

    def timed(*args: object, **kwargs: object) -> object:
        started = time.perf_counter()
        depth[0] += 1
        try:
            return call(*args, **kwargs)
        finally:
            depth[0] -= 1
            if not depth[0]:
                spent[name] += time.perf_counter() - started

    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("outputs/outage"))
    folder = parser.parse_args().folder
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    furnish(folder)
    store = f"sqlite:///{Path('mlruns/mlflow.db').absolute()}"
    for run, uri in (("direct", store), ("down", DEAD)):
        took = measured(run, uri)
        each = took["calls"] / (EPOCHS + 1)
        print(
            f"{run}: {took['all']:.1f} s, of which the tracker's calls {took['calls']:.2f} s "
            f"({each * 1000:.0f} ms an epoch: 1 % of an epoch of {100 * each:.1f} s) and its end "
            f"{took['finish']:.1f} s",
            flush=True,
        )
    call = [sys.executable, "-W", "ignore", "-m", "xttslab.sync", f"uri={store}"]
    subprocess.run(call, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    found = differences("down", "direct", EPOCHS)
    print("after sync:", *(found or ["the store holds the same of both runs"]), sep="\n  ")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
