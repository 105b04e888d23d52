"""The same grid through every launcher; whether all of its runs arrive, with the same losses, out.

    python -m experiments.sweeps.launchers --runs 16 --folder FOLDER

Sixteen learning rates for a tiny model on made-up clips: one run after the other, over joblib, and
over submitit's local executor, each grid into an sqlite store of its own. A launcher that is not
installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAUNCHERS = {
    "serial": [],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=4"],
    "submitit": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=30"],
}
NEEDS = {"joblib": "hydra_plugins.hydra_joblib_launcher", "submitit": "submitit"}


def sweep(folder: Path, launcher: Sequence[str], rates: Sequence[float]) -> float:
    """Train once a rate in `folder`; seconds by the clock."""
    from tests.conftest import QUICK, TINY_MODEL, make_clips

    make_clips(folder / "data/milliomos", "milliomos", ["greeting", "tension"])
    settings = [setting for setting in QUICK if not setting.startswith("optim.lr=")]
    grid = "optim.lr=" + ",".join(f"{rate:.3e}" for rate in rates)
    command = [sys.executable, "-W", "ignore", "-m", "xttslab.train", "-m", grid]
    command += ["dataset=milliomos", *TINY_MODEL, *settings, *launcher]
    # One thread each: four processes with as many threads as there are cores only wait.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    with (folder / "log.txt").open("w") as log:
        subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=True)
    return time.monotonic() - started


def finished(folder: Path) -> dict[str, float]:
    """Learning rate → last eval/mel_ce of the finished runs that the store holds."""
    from xttslab.tracking.client import open_client

    client = open_client(f"sqlite:///{folder.absolute()}/mlruns/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "attributes.status = 'FINISHED'", max_results=1000)
    return {
        run.data.params["optim.lr"]: run.data.metrics["eval/mel_ce"]
        for run in runs
        if "eval/mel_ce" in run.data.metrics  # the parent has none
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    rates = [1e-5 * 1.6**number for number in range(options.runs)]
    wanted: dict[str, float] = {}
    for name, launcher in LAUNCHERS.items():
        if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
            print(f"{name}: not installed")
            continue
        folder = options.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        seconds = sweep(folder, launcher, rates)
        found = finished(folder)
        wanted = wanted or found
        apart = max((abs(found[rate] - wanted[rate]) for rate in found), default=float("nan"))
        runs = f"{len(found)} of {options.runs} runs finished in {seconds:.0f} s"
        print(f"{name}: {runs}; losses differ from the serial ones by at most {apart:.1e}")


if __name__ == "__main__":
    main()
