"""A Coqui training folder in, a finished run of ours out: curves, parameters, weights, files."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.importing.coqui_log import LOG, CoquiCurves, read_curves
from xttslab.importing.coqui_units import (
    ARCHITECTURE,
    accumulation,
    metric_rows,
    params_of,
    weights_of,
)
from xttslab.tracking.journal import Journal
from xttslab.tracking.store import RunTracker

log = logging.getLogger(__name__)

MONITOR = "eval/total"  # by which Coqui keeps its best model
_BEST = "best_model.pth"
_CODEC = {"hidden": 512, "codebook_dim": 512, "codes": 1024, "blocks": 3}  # fixed in its trainer


@dataclass(frozen=True)
class Imported:
    """What came of an import, for the lines at its end."""

    run_dir: Path
    rows: int
    accumulated: int
    best: tuple[int, float] | None
    checkpoint: Path | None


@dataclass(frozen=True)
class Target:
    """Where the run goes: its folder and name, the tracking store, and the data set it used."""

    run_dir: Path
    uri: str
    experiment: str
    dataset: str
    sources: Mapping[str, str]


def import_coqui(source: Path, target: Target, model: Mapping[str, Any]) -> Imported:
    """Make a run of the Coqui training in `source`; `model` is the base that it trained.

    Raises UserError when the folder is none of Coqui's, holds no loss, or the run exists.
    """
    config = _read_config(source)
    curves = read_curves(source)
    rows = metric_rows(curves, weights_of(config))
    if not rows:
        raise UserError(
            f"{source}: neither {LOG} nor TensorBoard events hold a finished epoch; give the "
            "folder that Coqui's trainer wrote, with its log"
        )
    accumulated = accumulation(curves)
    base = _base(model, config)
    checkpoint = source / _BEST if (source / _BEST).is_file() else None
    tracker = _start(source, target, base["name"])
    best = _best(curves, rows, source)
    try:
        kept = _keep_weights(checkpoint, target.run_dir, base)
        _log(tracker, rows, params_of(config, accumulated), source, target, base)
        tracker.set_tags(_tags(rows, best, kept, accumulated))
    except BaseException:
        tracker.finish("FAILED")
        raise
    tracker.finish()
    (target.run_dir / "finished").touch()
    return Imported(target.run_dir, max(rows), accumulated, best, kept)


def _read_config(source: Path) -> dict[str, Any]:
    path = source / "config.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a training folder of Coqui's trainer")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise UserError(f"{path}: is not JSON ({fault}); copy it again") from fault
    if not isinstance(config, dict) or "model_args" not in config:
        raise UserError(
            f"{path}: has no model_args; expected the configuration of an XTTS training"
        )
    return config


def _base(model: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The base's configuration with the sizes that were trained."""
    arguments = config["model_args"]
    sizes = {n: arguments[theirs] for n, theirs in ARCHITECTURE.items() if arguments.get(theirs)}
    return {**model, "architecture": {**model["architecture"], **sizes}, "codec": _CODEC}


def _start(source: Path, target: Target, model: str) -> RunTracker:
    if Journal(target.run_dir).exists():
        raise UserError(f"{target.run_dir}: holds a run already; give another run_name")
    tags = {
        "dataset": target.dataset,
        "model": model,
        "stage": "gpt",
        "monitor": MONITOR,
        "run_dir": str(target.run_dir),
        "imported.from": f"coqui {source.name}",
    }
    name = target.run_dir.name
    return RunTracker.start(target.run_dir, name, target.experiment, target.uri, tags)


def _best(
    curves: CoquiCurves, rows: Mapping[int, Mapping[str, float]], source: Path
) -> tuple[int, float] | None:
    """Row and loss of the best model: by its file's global step, else the lowest held-out loss."""
    losses = {n: row[MONITOR] for n, row in rows.items() if n and row.get(MONITOR, 0) > 0}
    if not losses:
        return None
    numbers = [re.fullmatch(r"best_model_(\d+)\.pth", path.name) for path in source.iterdir()]
    steps = {int(match[1]) for match in numbers if match}
    by_step = [row for row, step in curves.steps.items() if step in steps and row in losses]
    row = by_step[-1] if by_step else min(losses, key=lambda n: losses[n])
    return row, losses[row]


def _keep_weights(checkpoint: Path | None, run_dir: Path, base: Mapping[str, Any]) -> Path | None:
    """GPT and codec of `best_model.pth` as safetensors, without optimiser and repeated parts."""
    if checkpoint is None:
        log.warning("no %s: the run is imported without weights", _BEST)
        return None
    from xttslab.model.checkpoints import part, read_tensors, write_tensors

    tensors = read_tensors(checkpoint)
    gpt = part(tensors, "gpt.")
    if not gpt:
        raise UserError(f"{checkpoint}: holds no GPT; expected the best model of an XTTS training")
    kept = run_dir / "checkpoints" / "best.safetensors"
    write_tensors(kept, {f"gpt.{name}": value for name, value in gpt.items()})
    codec = {f"dvae.{name}": value for name, value in part(tensors, "dvae.").items()}
    if codec and "mel_stats" in tensors:
        write_tensors(run_dir / "codec.safetensors", {**codec, "mel_stats": tensors["mel_stats"]})
    return kept


def _log(
    tracker: RunTracker,
    rows: Mapping[int, Mapping[str, float]],
    params: Mapping[str, Any],
    source: Path,
    target: Target,
    base: Mapping[str, Any],
) -> None:
    for epoch, row in rows.items():
        tracker.log_metrics(row, epoch)
    written = {
        "model": dict(base),
        "dataset": {"name": target.dataset, "sources": dict(target.sources)},
        "imported": {"source": str(source), "trainer": "coqui"},
    }
    text = yaml.safe_dump(written, allow_unicode=True, sort_keys=False)
    write_atomically(target.run_dir / "config.yaml", text)
    tracker.log_text(text, "config/config.yaml")
    tracker.log_params({"model.name": base["name"], "dataset.name": target.dataset, **params})
    for name in ("config.json", LOG):
        if (source / name).is_file():
            tracker.log_artifact(source / name, "config/coqui")
    for folder in map(Path, target.sources.values()):
        for name in ("metadata.csv", "rejected.csv", "dataset.yaml"):
            if (folder / name).is_file():
                tracker.log_artifact(folder / name, f"data/{folder.name}")


def _tags(
    rows: Mapping[int, Mapping[str, float]],
    best: tuple[int, float] | None,
    checkpoint: Path | None,
    accumulated: int,
) -> dict[str, object]:
    undone = ["text loss divided by its weight", "epoch k is row k + 1"]
    if accumulated > 1:
        undone.append(f"training total multiplied by {accumulated} accumulation steps (inferred)")
    evaluations = sum("eval/total" in row for row in rows.values())
    tags: dict[str, object] = {
        "epochs_total": max(rows),
        "imported.undone": "; ".join(undone),
        "imported.evaluations": evaluations,
        "imported.means": "means of batch means that leave out every epoch's first batch (Coqui's "
        "running mean starts anew after it): compare directions, not second decimals",
    }
    if best:
        tags |= {"best_epoch": best[0], "best_value": best[1]}
    if checkpoint:
        tags["checkpoint"] = str(checkpoint)
    return tags
