"""Tracks one run: its parameters, metrics, data sets and artifacts."""

from __future__ import annotations

import getpass
import logging
import math
import re
import shutil
import time
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xttslab.errors import UserError
from xttslab.files import replacing, require_legal_name, stored_path
from xttslab.tracking.client import DEFAULT_URI, check_writable, tracking_uri
from xttslab.tracking.delivery import Delivery
from xttslab.tracking.journal import Journal
from xttslab.tracking.records import (
    FINISHED,
    METRICS_FILE,
    Artifact,
    DatasetUsed,
    Finished,
    Metrics,
    OtherLogger,
    Params,
    Record,
    Resumed,
    Started,
    Tags,
    WentBack,
    apply,
    metrics_lines,
    replay,
)
from xttslab.tracking.sender import Sender

log = logging.getLogger(__name__)

LONGEST_NAME, LONGEST_PARAM, LONGEST_TAG = 250, 6000, 8000  # MLflow's limits
_PATIENCE_S = 300.0  # a new sqlite store takes 8 s to make, minutes on a machine without a breath


class RunTracker:
    """Tracks one run in `run_dir`. Make it with `start` (a training) or `attach` (an evaluation
    or a report that adds to a run)."""

    def __init__(self, journal: Journal, uri: str, others: Sequence[OtherLogger] = ()) -> None:
        self._journal = journal
        self._others = list(others)
        self._state = replay(record for record, _ in journal.read())
        self._changed = False  # whether this start has other parameters or data than the one before
        self._delivery = Delivery(journal, uri)
        self._sender = Sender(self._delivery)

    @classmethod
    def start(
        cls,
        run_dir: Path,
        run_name: str,
        experiment: str = "xttslab",
        uri: str = DEFAULT_URI,
        tags: Mapping[str, object] | None = None,
        resume: bool = False,
        others: Sequence[OtherLogger] = (),
    ) -> RunTracker:
        """Begin the run of `run_dir`, or go on with it if `resume` and it has begun.

        MLFLOW_TRACKING_URI overrides `uri`; `others` get parameters and metrics too. Raises
        UserError if store or folder cannot be written, or if it holds a run and not `resume`.
        """
        uri = tracking_uri(uri)
        check_writable(uri)
        journal = Journal(run_dir)
        begun = journal.exists()
        if begun and not resume:
            raise UserError(
                f"{run_dir}: holds a run already; go on with it by resume=true, or give another "
                "run_name"
            )
        journal.create()
        tracker = cls(journal, uri, others)
        tracker._delivery.claim()
        if tracker._state.key:
            tracker._write(Resumed(tracker._state.resumes + 1, _now()))
            tracker.set_tags({"resumes": tracker._state.resumes})
        else:
            named = texts_for({**identity(), **(tags or {})}, LONGEST_TAG)
            tracker._write(Started(uuid.uuid4().hex, run_name, experiment, named, _now()))
        return tracker

    @classmethod
    def attach(cls, run_dir: Path, uri: str | None = None) -> RunTracker:
        """Add to the run of `run_dir` without starting it again; `uri` defaults to the store
        that the run is in. A store that is gone is said, and the records wait in the run's folder.
        Raises UserError if the folder holds no run."""
        journal = Journal(run_dir)
        if not journal.exists():
            raise UserError(f"{run_dir}: holds no tracked run (no {journal.path.name} in it)")
        known = journal.destination()
        uri = tracking_uri(uri or (known.uri if known else DEFAULT_URI))
        journal.create()
        return cls(journal, uri)

    @property
    def run_id(self) -> str | None:
        """The MLflow run id; None until the store has created the run (see `wait`)."""
        return self._delivery.run_id

    @property
    def last_step(self) -> int | None:
        """The last epoch that has a row, from this or an earlier start; None without any."""
        return max(self._state.rows(), default=None)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log a flat dict. Parameters that an earlier start logged with another value stay, and
        the new value becomes the tag `resume.N.<key>` (N: how often the run was resumed)."""
        texts = texts_for(params, LONGEST_PARAM)
        known = self._state.params
        changed = {k: v for k, v in texts.items() if known.get(k, v) != v}
        fresh = {k: v for k, v in texts.items() if k not in known}
        if fresh:
            self._write(Params(fresh))
        self._tell(lambda other: other.log_hyperparams(dict(params)))
        self._changed |= bool(changed.keys() - {"resume"})
        if changed:
            self.set_tags({f"resume.{self._state.resumes}.{k}": v for k, v in changed.items()})

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags; a value that a tag had before is replaced."""
        self._write(Tags(texts_for(tags, LONGEST_TAG)))

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log the values of epoch `step` (may be called several times for one epoch).

        A (name, step) that the run holds stays as it is (see `go_back`). Values that are not finite
        are said, become NaN in MLflow (a gap in the chart) and keep their name in metrics.jsonl.
        """
        held = self._state.metrics
        named = {mlflow_name(name): float(value) for name, value in metrics.items()}
        fresh = {k: v for k, v in named.items() if step not in held.get(k, {})}
        odd = {k: v for k, v in fresh.items() if not math.isfinite(v)}
        if odd:
            log.warning("epoch %d: not a finite number: %s", step, odd)
        if fresh:
            self._write(Metrics(step, fresh, _now()))
            self._tell(lambda other: other.log_metrics(fresh, step))
            self._write_rows()

    def go_back(self, epoch: int) -> None:
        """Set aside the metrics of all epochs behind `epoch`, from which the run goes on.

        In MLflow, which cannot take a value back, they stay: with the same parameters and data the
        epochs repeat them; with others, what was logged there remains as a run of its own, tagged
        `set_aside`, and this one goes on as a new run that holds its history alone.
        """
        if any(step > epoch for step in self._state.rows()):
            self._write(WentBack(epoch, self._changed, _now()))
            self._write_rows()

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: str,
        context: str = "training",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Note the data that the run uses, as an MLflow dataset input.

        `fingerprint`: hash of the content (its first 36 characters are kept); `source`: folder or
        address; `profile`: numbers about it, such as clips and minutes.
        """
        self._changed |= self._state.fingerprint not in ("", fingerprint)
        self._write(DatasetUsed(name, fingerprint, source, context, dict(profile or {})))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Send a file, or every file under a folder, to `folder` in the run's artifacts.

        Files in the run's folder are sent as they are when their turn comes; others are copied
        into it first. Raises FileNotFoundError.
        """
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                below = file.parent.relative_to(path).as_posix()
                self.log_artifact(file, "/".join(p for p in (folder, below) if p not in ("", ".")))
            return
        if not path.is_file():
            raise FileNotFoundError(path)
        inside = path.resolve()
        if not inside.is_relative_to(self._journal.run_dir.resolve()):
            inside = self._new_file(path.name)
            shutil.copyfile(path, inside)
        relative = inside.resolve().relative_to(self._journal.run_dir.resolve())
        self._write(Artifact(relative.as_posix(), folder.strip("/")))

    def log_text(self, text: str, file: str) -> None:
        """Store `text` as the artifact `file` (a path such as `config/config.yaml`)."""
        folder, _, name = file.rpartition("/")
        path = self._new_file(name)
        path.write_text(text, encoding="utf-8")
        self.log_artifact(path, folder)

    def wait(self, patience_s: float = _PATIENCE_S) -> bool:
        """Wait until all has arrived in MLflow; False when it cannot be reached."""
        return self._journal.flush() and self._sender.drain(patience_s)

    def finish(self, status: str = FINISHED, patience_s: float = _PATIENCE_S) -> bool:
        """End the run as FINISHED, FAILED or KILLED; see `close`."""
        self._write(Finished(status, _now()))
        self._tell(lambda other: other.finalize("success" if status == FINISHED else "failed"))
        return self.close(patience_s)

    def close(self, patience_s: float = _PATIENCE_S) -> bool:
        """Wait for what is on its way; True if all of it is in MLflow, else it is said how to
        send the rest. A store in which nothing moves for `patience_s` seconds is given up."""
        arrived = self.wait(patience_s)
        self._sender.stop()
        if not arrived:
            log.warning(
                "%d tracking records of %s are not in MLflow yet; send them with "
                "`python -m xttslab.sync`",
                self._delivery.pending(),
                self._journal.run_dir,
            )
        return arrived

    def _write(self, record: Record) -> None:
        self._journal.append(record)
        apply(self._state, record)
        self._sender.wake()

    def _tell(self, call: Callable[[OtherLogger], None]) -> None:
        """Tell the loggers beside MLflow; one that fails ends no training, and is left out."""
        for other in list(self._others):
            try:
                call(other)
            except Exception:
                log.warning("%s gets nothing more of this run", type(other).__name__, exc_info=True)
                self._others.remove(other)

    def _write_rows(self) -> None:
        """metrics.jsonl: one line an epoch, written atomically."""
        path = self._journal.run_dir / METRICS_FILE
        try:
            with replacing(path, shared=True) as partial:
                partial.write_text(metrics_lines(self._state.rows()), encoding="utf-8")
        except OSError as fault:
            log.warning("%s: cannot be written (%s)", path, fault.strerror)

    def _new_file(self, name: str) -> Path:
        folder = self._journal.files / uuid.uuid4().hex[:12]
        folder.mkdir(parents=True)
        return folder / name


def _now() -> int:
    return time.time_ns() // 1_000_000


def identity() -> dict[str, str]:
    """The tags by which MLflow's UI shows who ran what."""
    tags = {"mlflow.source.name": "xttslab", "mlflow.source.type": "LOCAL"}
    try:
        tags["mlflow.user"] = getpass.getuser()
    except (OSError, KeyError):  # a container whose user id has no name
        pass
    return tags


def texts_for(values: Mapping[str, object], longest: int) -> dict[str, str]:
    """Names and values as MLflow takes them: a path relative to the current folder where it lies in
    it, with forward slashes; what is too long is cut and said."""
    texts = {}
    for key, value in values.items():
        text = stored_path(value, Path(), Path()) if isinstance(value, Path) else str(value)
        if len(text) > longest:
            log.warning("%s: %d characters, cut to %d for MLflow", key, len(text), longest)
            text = text[: longest - 1] + "…"
        texts[mlflow_name(key)] = text
    return texts


def check_run_name(name: str) -> None:
    """Raise UserError for a name that is no folder's on some system, with one that is."""
    require_legal_name(name, "run_name", "run")


def mlflow_name(name: str) -> str:
    """A name that every MLflow server takes: `eval/műsor/mel_ce` → `eval/musor/mel_ce`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w./ :-]", "_", plain)[:LONGEST_NAME]
