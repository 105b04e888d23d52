"""Imports a Coqui training folder as a finished run: curves, parameters, weights, files."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from xttslab.errors import UserError
from xttslab.files import found_path, write_atomically
from xttslab.importing.coqui_curves import (
    ARCHITECTURE,
    LOG,
    CoquiCurves,
    accumulation,
    metric_rows,
    params_of,
    read_curves,
    weights_of,
)
from xttslab.model.base import BEST, CODEC, RECORD, VOCABULARY, load_codec
from xttslab.model.checkpoints import part, read_tensors, write_tensors
from xttslab.model.codec import MEL_BINS, Codec
from xttslab.model.tokenizer import Tokenizer
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FAILED, SUCCEEDED
from xttslab.tracking.run_tracker import RunTracker

log = logging.getLogger(__name__)

MONITOR = "eval/total"  # by which Coqui keeps its best model
_BEST = "best_model.pth"
_DECODER = {"decoder_input_dim": 1024, "d_vector_dim": 512}  # Coqui's defaults
_CODEC = {"hidden": 512, "codebook_dim": 512, "codes": 1024, "blocks": 3}  # fixed in its trainer


@dataclass(frozen=True)
class Imported:
    """What came of an import, for the lines at its end."""

    run_dir: Path
    rows: int
    accumulated: int
    best: tuple[int, float] | None
    checkpoint: Path | None
    whole: bool  # whether the run has all parts of its voice and needs no file of its base


@dataclass(frozen=True)
class Target:
    """Where the run goes: its folder and name, the tracking store, the data set it used, and the
    settings (`samples`) and language that it speaks with."""

    run_dir: Path
    uri: str
    experiment: str
    dataset: str
    sources: Mapping[str, str]
    language: str
    samples: Mapping[str, Any]


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
    vocabulary = _vocabulary(source, config, base)
    tracker = _start(source, target, base["name"])
    best = _best(curves, rows, source)
    try:
        parts = _keep_weights(checkpoint, target.run_dir, base, best)
        if parts.decoder:
            base["decoder"] = _decoder(config)
        whole = bool(parts.decoder and parts.codec and vocabulary)
        if whole:
            shutil.copyfile(vocabulary, target.run_dir / VOCABULARY)
        _log(tracker, rows, params_of(config, accumulated), source, target, base)
        tracker.set_tags(_tags(rows, best, parts, accumulated))
    except BaseException:
        tracker.finish(FAILED)
        raise
    tracker.finish()
    (target.run_dir / SUCCEEDED).touch()
    return Imported(target.run_dir, max(rows), accumulated, best, parts.checkpoint, whole)


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


def _decoder(config: Mapping[str, Any]) -> dict[str, Any]:
    """Coqui's decoder in the sizes of a configuration."""
    arguments = config["model_args"]
    sizes = {name: arguments.get(name) or usual for name, usual in _DECODER.items()}
    return {"kind": "hifigan", "sizes": sizes}


def _vocabulary(source: Path, config: Mapping[str, Any], base: Mapping[str, Any]) -> Path | None:
    """The vocabulary that the training read texts with: where its configuration says or the same
    place near `source`, else the base's; None where this disk has none.

    Raises UserError for one that has more tokens than the model.
    """
    noted = config["model_args"].get("tokenizer_file")
    found = found_path(noted, source, Path.is_file) if noted else None
    beside = (source / VOCABULARY, Path(base["folder"]) / base["files"]["vocabulary"])
    places = [found] if found else [place for place in beside if place.is_file()]
    if not places:
        log.warning("no %s: speaking needs the base's files in %s", VOCABULARY, base["folder"])
        return None
    size, most = Tokenizer(places[0]).size, base["architecture"]["number_text_tokens"]
    if size > most:
        raise UserError(
            f"{places[0]}: has {size} tokens and the model {most}; put the vocabulary that it was "
            f"trained with into {source}"
        )
    return places[0]


def _start(source: Path, target: Target, model: str) -> RunTracker:
    if Journal(target.run_dir).exists():
        raise UserError(f"{target.run_dir}: holds a run already; give another run_name")
    tags = {
        "dataset": target.dataset,
        "model": model,
        "stage": "gpt",
        "monitor": MONITOR,
        "run_dir": target.run_dir,
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


@dataclass(frozen=True)
class _Parts:
    """What the checkpoint gave: the GPT's file, its codec's fingerprint, and whether a decoder."""

    checkpoint: Path | None = None
    codec: str = ""
    decoder: bool = False


def _keep_weights(
    checkpoint: Path | None,
    run_dir: Path,
    base: Mapping[str, Any],
    best: tuple[int, float] | None,
) -> _Parts:
    """GPT, decoder and codec of `best_model.pth` as safetensors, without optimiser and repeated
    parts, with the record that a run of ours has."""
    if checkpoint is None:
        log.warning("no %s: the run is imported without weights", _BEST)
        return _Parts()
    tensors = read_tensors(checkpoint)
    gpt, decoder = part(tensors, "gpt."), part(tensors, "hifigan_decoder.")
    if not gpt:
        raise UserError(f"{checkpoint}: holds no GPT; expected the best model of an XTTS training")
    kept = run_dir / "checkpoints" / BEST
    voice = {f"gpt.{name}": value for name, value in gpt.items()}
    voice |= {f"hifigan_decoder.{name}": value for name, value in decoder.items()}
    write_tensors(kept, voice)
    codec = {f"dvae.{name}": value for name, value in part(tensors, "dvae.").items()}
    fingerprint = ""
    if codec and "mel_stats" in tensors:
        path = run_dir / CODEC
        write_tensors(path, {**codec, "mel_stats": tensors["mel_stats"]})
        built = Codec(torch.ones(MEL_BINS), **base["codec"])
        load_codec(built, path, path)
        fingerprint = built.fingerprint
    entries = [{"epoch": best[0], MONITOR: best[1]}] if best else []
    record = {"monitor": MONITOR, "origin": "", "codec": fingerprint, "best_first": entries}
    write_atomically(kept.parent / RECORD, json.dumps(record, indent=2))
    return _Parts(kept, fingerprint, bool(decoder))


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
        "weights": "pretrained",  # of the base that the training began with
        "seed": int(params.get("seed") or 0),
        "dataset": {
            "name": target.dataset,
            "language": target.language,
            "sources": dict(target.sources),
        },
        "samples": dict(target.samples),
        "imported": {"source": source.as_posix(), "trainer": "coqui"},
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
    parts: _Parts,
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
    if parts.checkpoint:
        tags["checkpoint"] = parts.checkpoint
    if parts.codec:
        tags["codec"] = parts.codec[:12]
    return tags
