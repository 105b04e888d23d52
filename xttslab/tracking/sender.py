"""Sends a journal to MLflow in a background thread, with retries during an outage."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xttslab.errors import UserError
from xttslab.tracking.client import URI_VARIABLE, check_writable, tracking_uri, without_credentials
from xttslab.tracking.delivery import Delivery
from xttslab.tracking.journal import Journal
from xttslab.tracking.writer import PARENT_TAG, Unreachable

log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class Sender:
    """A daemon thread around a Delivery. The training neither waits for it nor dies of it."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._changed = threading.Condition()
        self._asked = 0  # how often somebody wanted the journal sent …
        self._done = 0  # … and up to which of these wishes it has been
        self._arrived = 0
        self._failures = 0
        self._urgent = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have what was written sent soon."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()

    def drain(self, patience_s: float) -> bool:
        """Wait until everything written so far has arrived; True if so.

        Gives up when an attempt fails, or after `patience_s` without any progress. After `stop`
        nothing is waited for: the thread sends no more.
        """
        with self._changed:
            if self._stopping:
                return self._done >= self._asked
            self._asked += 1
            self._urgent = True
            wish, failures = self._asked, self._failures
            self._changed.notify_all()
            while self._done < wish and self._failures == failures and not self._stopping:
                before = self._arrived
                if not self._changed.wait(patience_s) and self._arrived == before:
                    break
            return self._done >= wish

    def stop(self) -> None:
        """Let the thread end after the attempt that it is in."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        pause = 0.0
        while self._wait_for_work(pause):
            pause = self._attempt(pause)

    def _wait_for_work(self, pause: float) -> bool:
        with self._changed:
            if pause:  # an outage: new records do not shorten the pause, somebody waiting does
                self._changed.wait_for(lambda: self._stopping or self._urgent, pause)
            else:
                self._changed.wait_for(lambda: self._stopping or self._asked > self._done)
            self._urgent = False
            return not self._stopping

    def _attempt(self, pause: float) -> float:
        """Send what is pending; return for how long to pause before the next attempt."""
        with self._changed:
            wishes = self._asked
        try:
            self._delivery.send_pending(self._count)
        except (Unreachable, OSError) as fault:  # OSError: our own disk
            if not pause:
                self._say_outage(str(fault))
            return self._failed(pause)
        except Exception:
            # a defect of ours or of MLflow's: the training is worth more than its record, and
            # the record is safe in the journal
            log.exception("tracking: sending failed; the records stay in the journal")
            return self._failed(_LONGEST_PAUSE_S)
        if pause:
            log.warning("tracking: the store is back; what was held back has been sent")
        with self._changed:
            self._done = max(self._done, wishes)
            self._changed.notify_all()
        return 0.0

    def _failed(self, pause: float) -> float:
        with self._changed:
            self._failures += 1
            self._changed.notify_all()
        return min(max(2 * pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

    def _say_outage(self, reason: str) -> None:
        log.warning(
            "tracking: %s takes no records (%s); they are kept in %s and sent when it is back",
            without_credentials(self._delivery.uri),
            reason,
            self._delivery.journal.folder,
        )

    def _count(self) -> None:
        with self._changed:
            self._arrived += 1
            self._changed.notify_all()


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
