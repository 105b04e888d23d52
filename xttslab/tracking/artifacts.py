"""A run's record in, its artifacts as files on this disk out."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.errors import UserError
from xttslab.tracking.client import open_client, tracking_uri
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import Artifact, DatasetUsed
from xttslab.tracking.runs import RunRecord

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_NOT_FETCHED = (
    "samples/index.html",
    "report/",
    "compare/",
    "model/",
)  # made of the others, or huge


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
        reason = (str(fault).splitlines() or [""])[0][:200]
        raise UserError(
            f"run {record.name}: its files cannot be fetched ({reason}); start the tracking store "
            "or run this where the run's folder is"
        ) from fault


def _listed(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        if entry.path.startswith("/") or ".." in entry.path.split("/"):
            raise UserError(f"the store names a file {entry.path!r}, which leaves its folder")
        found += _listed(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return found
