"""The code store and MLflow's store, read without the package that wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_ENTRY = np.dtype(
    [("key", "V32"), ("offset", "<i8"), ("codes", "<i4"), ("frames", "<i4"), ("crc", "<u4")]
)
_SIZE_BYTES = 8
_MEL_BINS = 80


def read_codes(folder: Path) -> dict[str, np.ndarray]:
    """Codes (T,) and mel (80, frames) of every clip in the store's shards, by the clip's key.

    A shard is `<name>.bin`, and `<name>.idx` with the size of the former and one entry a clip. A
    revision that stores codes otherwise needs a reader of its own here, with the same keys.
    """
    found: dict[str, np.ndarray] = {}
    for index in sorted(folder.rglob("*.idx")):
        data = index.with_suffix(".bin").read_bytes()
        for entry in np.frombuffer(index.read_bytes()[_SIZE_BYTES:], _ENTRY):
            key, start = bytes(entry["key"]).hex()[:16], int(entry["offset"])
            codes = np.frombuffer(data, np.uint16, int(entry["codes"]), start)
            size = _MEL_BINS * int(entry["frames"])
            mel = np.frombuffer(data, np.float16, size, start + 2 * int(entry["codes"]))
            found |= {f"{key}: codes": codes, f"{key}: mel": mel}
    return found


Row = tuple[tuple[str, str, str], "float | str", None] | tuple[str, None, Path]


def mlflow_items(folder: Path) -> Iterator[Row]:
    """Metrics, parameters, tags, data sets and artifacts of the newest run of every name.

    Gives ((run, kind, key), value, None) for a row, and (path, None, file) for an artifact. The
    ids of runs in texts become their names.
    """
    base = sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True)
    newest = {
        name: (run_id, status, uri)
        for name, run_id, status, uri in base.execute(
            "select name, run_uuid, status, artifact_uri from runs order by start_time"
        )
    }
    called = {run_id: name for name, (run_id, _, _) in newest.items()}
    for run, (run_id, status, uri) in newest.items():
        yield (run, "tag", "status"), status, None
        for kind, key, value in _rows(base, run_id):
            for other, name in called.items():
                value = value.replace(other, name) if isinstance(value, str) else value
            yield (run, kind, key), value, None
        place = Path(uri.removeprefix("file://"))
        for path in sorted(place.rglob("*")):
            if path.is_file():
                yield f"{run}/{path.relative_to(place).as_posix()}", None, path
    base.close()


def _rows(base: sqlite3.Connection, run_id: str) -> Iterator[tuple[str, str, float | str]]:
    """(kind, key, value) of a run; a metric that was logged twice for a step has two keys."""
    seen: dict[str, int] = {}
    order = "select key, step, value from metrics where run_uuid = ? order by key, step, timestamp"
    for key, step, value in base.execute(order, (run_id,)):
        name = f"{step} {key}"
        seen[name] = seen.get(name, 0) + 1
        yield "metric", name if seen[name] == 1 else f"{name} (again)", value
    for kind, table in (("param", "params"), ("tag", "tags")):
        for key, value in base.execute(
            f"select key, value from {table} where run_uuid = ?", (run_id,)
        ):
            yield kind, key, value
    used = (
        "select d.name, d.digest, d.dataset_profile from inputs i join datasets d "
        "on i.source_id = d.dataset_uuid where i.destination_id = ?"
    )
    for name, digest, profile in base.execute(used, (run_id,)):
        yield "dataset", f"{name} digest", digest
        yield "dataset", f"{name} profile", profile
