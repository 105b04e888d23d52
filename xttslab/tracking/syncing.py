"""Run folders in, their held-back records in MLflow out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError
from xttslab.tracking.client import URI_VARIABLE, check_writable, tracking_uri, without_credentials
from xttslab.tracking.delivery import Delivery
from xttslab.tracking.journal import Journal
from xttslab.tracking.writer import PARENT_TAG, Unreachable


@dataclass(frozen=True)
class Sent:
    """What became of one run: records sent now, records still held back, and why these are."""

    run_dir: Path
    uri: str
    sent: int
    pending: int
    fault: str = ""


def journals(outputs: Path) -> list[Journal]:
    """The tracked runs in `outputs` and, for sweeps, in the folders of it."""
    found = (Journal(path) for pattern in ("*", "*/*") for path in sorted(outputs.glob(pattern)))
    return [journal for journal in found if journal.exists()]


def send_held_back(outputs: Path, uri: str | None = None) -> Iterator[Sent]:
    """Send what each run of `outputs` has not brought to its store yet, run by run.

    `uri` sends every run there instead, as a whole where it is new there. Credentials come from
    the environment. A store that does not answer leaves its runs as they are.
    """
    for journal in sorted(
        journals(outputs), key=_is_child
    ):  # parents first: children look for them
        yield _send(journal, uri or _recorded(journal))


def _is_child(journal: Journal) -> bool:
    start = journal.started()
    return start is not None and PARENT_TAG in start.tags


def _recorded(journal: Journal) -> str:
    """Where the run was going, with the credentials of MLFLOW_TRACKING_URI if it names that."""
    known = journal.destination()
    from_environment = os.environ.get(URI_VARIABLE, "")
    if known is None or without_credentials(from_environment) == known.uri:
        return tracking_uri()
    return known.uri


def _send(journal: Journal, uri: str) -> Sent:
    delivery = Delivery(journal, uri)
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1

    fault = ""
    try:
        check_writable(uri)
        delivery.send_pending(count)
    except (Unreachable, UserError, OSError) as reason:
        fault = str(reason)
    return Sent(journal.run_dir, without_credentials(uri), sent, delivery.pending(), fault)
