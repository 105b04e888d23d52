"""Reads everything that a run left: metrics, parameters, manifests and artifact files."""

from __future__ import annotations

import atexit
import csv
import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from xttslab.data.manifest import ASSUMED, PROPOSED
from xttslab.errors import UserError
from xttslab.reporting.curves import Curve, curve
from xttslab.tracking.client import first_line, open_client, tracking_uri
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import FINISHED, Artifact, DatasetUsed
from xttslab.tracking.runs import RunRecord, find_run

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TEXT_WEIGHT = 0.01  # Coqui's; a run's own weight is its parameter loss.text_weight
_MANIFEST = "metadata.csv"
_FORMER_NAMES = {"eval/text_gain": "eval/reads"}  # of metrics, in runs that were logged earlier
_LEFT_OUT = ("rejected.csv", "rejected_at_training.csv")  # by `prepare`, by the training
_NOT_FETCHED = (
    "samples/index.html",
    "report/",
    "compare/",
    "model/",
)  # made of the others, or huge


@dataclass(frozen=True)
class ManifestClip:
    """One row of a data set's manifest, as the run saw it."""

    source: str
    audio_file: str
    text: str
    category: str
    assumed: bool  # nobody named the category: it counts in no advice
    split: str


@dataclass(frozen=True)
class RunData:
    """What a report knows of one run. `files` maps artifact paths to files on this disk."""

    name: str
    run_id: str = ""
    status: str = FINISHED
    histories: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    clips: Sequence[ManifestClip] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    profile: Mapping[str, float] = field(default_factory=dict)  # clips and minutes of the data
    noise_db: Sequence[float] = ()  # signal to noise of the clips, where the audit measured it
    rejected: int = 0  # clips that the data set has but that were not used
    run_dir: Path | None = None
    checkpoint: Path | None = None
    changes: Sequence[str] = ()  # parameters that were changed when the run was resumed

    def curve(self, name: str) -> Curve:
        """The metric's curve; without points where the run has no such metric."""
        return curve(name, self.histories.get(name, {}))

    def value(self, name: str, epoch: int | None = None) -> float | None:
        """A metric at an epoch (default: its last), or None."""
        history = self.histories.get(name, {})
        if not history:
            return None
        found = history.get(max(history) if epoch is None else epoch)
        return found if found is not None and math.isfinite(found) else None

    def number(self, param: str) -> float | None:
        """A parameter as a number; None where it is absent or none."""
        try:
            return float(self.params[param])
        except (KeyError, ValueError):
            return None

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The run's resolved configuration as plain data; empty where its file is gone."""
        path = self.files.get("config/config.yaml")
        if path is None:
            return {}
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}

    @property
    def epochs(self) -> int | None:
        """The last epoch that has a loss (other metrics may count something else than epochs)."""
        losses = [h for n, h in self.histories.items() if n.startswith(("train/", "eval/")) and h]
        return max((max(history) for history in losses), default=None)

    @property
    def monitor(self) -> str:
        """The metric by which the best checkpoint is chosen."""
        return self.tags.get("monitor", "eval/mel_ce")

    @property
    def categories(self) -> dict[str, int]:
        """Clips of every category that a person named."""
        return dict(Counter(sorted(clip.category for clip in self.clips if not clip.assumed)))


def load_run(reference: str, uri: str) -> RunData:
    """The run that `reference` names, with all it left. Raises UserError as `find_run` does."""
    return read_record(find_run(reference, uri), uri)


def read_record(record: RunRecord, uri: str) -> RunData:
    """Everything of a tracked run, in one pass over its store."""
    files = run_files(record, uri)
    histories = {name: record.history(name) for name in sorted(record.metrics)}
    return RunData(
        record.name,
        record.run_id,
        record.status,
        completed(histories, _text_weight(record.params)),
        {**record.params, **{name: value for name, _, value in record.changes()}},
        dict(record.tags),
        read_manifests(files),
        files,
        dataset_profile(record, uri),
        _noise(files),
        sum(len(rows) for name in _LEFT_OUT for rows in _tables(files, name)),
        record.run_dir,
        record.checkpoint,
        [f"{name} {old or '–'} → {new}" for name, old, new in record.changes()],
    )


def completed(
    histories: Mapping[str, Mapping[int, float]], text_weight: float = TEXT_WEIGHT
) -> dict[str, Mapping[int, float]]:
    """Metrics under their names of today, with the raw text cross-entropy where only Coqui's
    weighted one is known, and vice versa."""
    found = dict(histories)
    for name, former in _FORMER_NAMES.items():
        if former in found:  # a run that was resumed later has both
            found[name] = {**found.pop(former), **found.get(name, {})}
    for name, history in histories.items():
        if name.endswith("text_ce_weighted"):
            raw = name.removesuffix("_weighted")
            found.setdefault(raw, {epoch: value / text_weight for epoch, value in history.items()})
        elif name.endswith("/text_ce"):
            scaled = {epoch: value * text_weight for epoch, value in history.items()}
            found.setdefault(f"{name}_weighted", scaled)
    return found


def read_manifests(files: Mapping[str, Path]) -> tuple[ManifestClip, ...]:
    """The clips of all `data/<source>/metadata.csv` among a run's artifacts."""
    clips: list[ManifestClip] = []
    for artifact, path in files.items():
        folder, _, name = artifact.rpartition("/")
        if folder.startswith("data") and name == _MANIFEST:
            clips += _rows(path, folder.rpartition("/")[2])
    return tuple(clips)


def _noise(files: Mapping[str, Path]) -> tuple[float, ...]:
    """Signal to noise in dB of every clip that the audit's table of clips measured."""
    rows = [row for table in _tables(files, "clips.csv") for row in table]
    return tuple(float(row["snr_db"]) for row in rows if row.get("snr_db"))


def _tables(files: Mapping[str, Path], name: str) -> list[list[dict[str, str]]]:
    """The pipe-separated tables of that name among a run's data artifacts."""
    found = []
    for artifact, path in files.items():
        if artifact.startswith("data/") and artifact.endswith(f"/{name}"):
            with path.open(encoding="utf-8-sig", newline="") as lines:
                found.append(list(csv.DictReader(lines, delimiter="|")))
    return found


def _rows(path: Path, source: str) -> Iterable[ManifestClip]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="|"):
            cell = row.get("category") or ""
            yield ManifestClip(
                row.get("source") or source,
                row.get("audio_file") or "",
                row.get("text") or "",
                cell.removesuffix(PROPOSED) or ASSUMED,
                not cell or cell.endswith(PROPOSED),
                row.get("split") or "",
            )


def _text_weight(params: Mapping[str, str]) -> float:
    try:
        return float(params["loss.text_weight"]) or TEXT_WEIGHT
    except (KeyError, ValueError):
        return TEXT_WEIGHT


def run_files(record: RunRecord, uri: str) -> dict[str, Path]:
    """Artifact path (`samples/epoch_012/03_greeting.wav`) → file, for all that can be had.

    Taken from the run's folder where this disk has it, else fetched from the store into a folder
    that lives as long as the process. Artifacts whose files are gone are left out.
    """
    if record.run_dir and Journal(record.run_dir).exists():
        return _from_journal(record.run_dir)
    return _from_store(record, tracking_uri(uri)) if record.run_id else {}


def dataset_profile(record: RunRecord, uri: str) -> dict[str, float]:
    """What the run noted of its data (clips, minutes); empty where it is not known."""
    if record.run_dir and Journal(record.run_dir).exists():
        entries = [entry for entry, _ in Journal(record.run_dir).read()]
        used = [entry for entry in entries if isinstance(entry, DatasetUsed)]
        return dict(used[-1].profile) if used else {}
    if not record.run_id:
        return {}
    inputs = open_client(tracking_uri(uri)).get_run(record.run_id).inputs
    datasets = inputs.dataset_inputs if inputs else []
    return json.loads(datasets[-1].dataset.profile or "{}") if datasets else {}


def _from_journal(run_dir: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for record, _ in Journal(run_dir).read():
        if isinstance(record, Artifact):
            path = run_dir / record.file
            found["/".join(filter(None, (record.folder, path.name)))] = path
    inside = run_dir.resolve()
    return {
        name: path
        for name, path in found.items()
        if path.is_file() and path.resolve().is_relative_to(inside)
    }


def _from_store(record: RunRecord, uri: str) -> dict[str, Path]:
    from mlflow.exceptions import MlflowException

    target = Path(tempfile.mkdtemp(prefix="xttslab-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    try:
        client = open_client(uri)
        names = [n for n in _listed(client, record.run_id) if not n.startswith(_NOT_FETCHED)]
        return {n: Path(client.download_artifacts(record.run_id, n, str(target))) for n in names}
    except (MlflowException, OSError) as fault:
        raise UserError(
            f"run {record.name}: its files cannot be fetched ({first_line(fault)}); start the "
            "tracking store or run this where the run's folder is"
        ) from fault


def _listed(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        if entry.path.startswith("/") or ".." in entry.path.split("/"):
            raise UserError(f"the store names a file {entry.path!r}, which leaves its folder")
        found += _listed(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return found
