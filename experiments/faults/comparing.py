"""Two runs in, every difference between what their disks and MLflow hold of them out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

TOLERANCE = 1e-6
_OF_START = ("resume", "tracking.uri")  # parameters that may differ between the runs compared
MACHINE = ("speed/", "memory/")  # depends on the machine's mood


def differences(run: str, reference: str, epochs: int) -> list[str]:
    """What is wrong with `run`: metrics that are not the reference's, epochs that MLflow lacks or
    holds twice, files that are missing."""
    found = _compare_rows(_rows(run), _rows(reference))
    held, expected = _in_mlflow(run), _in_mlflow(reference)
    if held["status"] != "FINISHED":
        found.append(f"MLflow says {held['status']}")
    for name, steps in expected["steps"].items():
        if held["steps"].get(name) != steps:
            found.append(f"MLflow: {name} has epochs {held['steps'].get(name)}, not {steps}")
    if held["steps"].get("eval/mel_ce") != list(range(epochs + 1)):
        found.append(f"MLflow: epochs {held['steps'].get('eval/mel_ce')}")
    if held["files"] != expected["files"]:
        found.append(f"MLflow: other files: {sorted(held['files'] ^ expected['files'])}")
    for name in ("params", "tags"):
        if other := set(held[name].items()) ^ set(expected[name].items()):
            found.append(f"MLflow: other {name}: {sorted(other)}")
    return found


def _compare_rows(rows: dict[int, Any], reference: dict[int, Any]) -> list[str]:
    if list(rows) != list(reference):
        return [f"epochs {list(rows)}, not {list(reference)}"]
    return [
        f"epoch {epoch}: {name} is {rows[epoch].get(name)}, not {value}"
        for epoch, row in reference.items()
        for name, value in row.items()
        if not name.startswith(MACHINE)
        and not math.isclose(rows[epoch].get(name, math.nan), value, rel_tol=0, abs_tol=TOLERANCE)
    ]


def _rows(run: str) -> dict[int, dict[str, float]]:
    lines = Path("outputs", run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {row.pop("epoch"): row for row in map(json.loads, lines)}


def _in_mlflow(run: str) -> dict[str, Any]:
    from xttslab.tracking.client import open_client

    client = open_client(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
    experiment = client.get_experiment_by_name("xttslab")
    found = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{run}'")
    if len(found) != 1:
        raise SystemExit(f"MLflow holds {len(found)} runs of the name {run}")
    run_id, data = found[0].info.run_id, found[0].data
    differing = ("run_name", "run_dir", "checkpoint", "xttslab.key", "mlflow.runName", "resumes")
    return {
        "status": found[0].info.status,
        "steps": {
            name: [point.step for point in client.get_metric_history(run_id, name)]
            for name in data.metrics
            if not name.startswith(MACHINE)
        },
        "files": _files(client, run_id),
        "params": {k: v for k, v in data.params.items() if k not in (*differing, *_OF_START)},
        "tags": {
            k: v for k, v in data.tags.items() if k not in differing and not k.startswith("resume.")
        },
    }


def _files(client: Any, run_id: str, folder: str | None = None) -> set[str]:
    found: set[str] = set()
    for entry in client.list_artifacts(run_id, folder):
        found |= _files(client, run_id, entry.path) if entry.is_dir else {entry.path}
    return found
