"""Serves a listening test as a page on this machine and records every vote.

Only 127.0.0.1 is served, only to who knows the session's token, and only under that name (a page
of another site that resolves to this address is refused).
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from xttslab.errors import UserError
from xttslab.evaluation.aspects import RATED, TITLES
from xttslab.reporting.findings import FindingRules, find
from xttslab.reporting.html import render
from xttslab.reporting.listening import (
    VOTES,
    ListeningTest,
    Stimulus,
    Vote,
    append_vote,
    build_listening_test,
    listener_metrics,
    read_votes,
)
from xttslab.reporting.run_data import RunData
from xttslab.reporting.sample_clips import (
    playable,
    real_recordings,
    sentence_texts,
    spoken_samples,
)
from xttslab.reporting.scores import nearest
from xttslab.tracking.journal import Journal
from xttslab.tracking.run_tracker import RunTracker

_HOST = "127.0.0.1"
_LONGEST_ANSWER = 10_000  # bytes


class ListeningServer(ThreadingHTTPServer):
    """Serves one listening test; `address` is what to open. Port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would share a port that is taken

    def __init__(self, test: ListeningTest, record: Callable[[Vote], None], port: int = 0) -> None:
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as fault:
            raise UserError(
                f"port={port}: cannot be used ({fault.strerror}); give another, or 0 for any"
            ) from fault
        self.test, self.record = test, record
        self.token = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        return f"http://{_HOST}:{self.server_port}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: ListeningServer

    def do_GET(self) -> None:
        """The page, or a recording of it."""
        if not self._allowed():
            return
        place = urlsplit(self.path).path
        if place == "/":
            tasks = self.server.test.public()
            aspects = [(name, TITLES[name]) for name in RATED]
            content = {"tasks": tasks, "aspects": aspects, "title": "Blind listening"}
            self._send(
                "text/html; charset=utf-8", render("listening_test.html.j2", content).encode()
            )
            return
        path = self.server.test.path(place.removeprefix("/clip/"))
        sound = playable(path) if path else b""
        if sound:
            self._send("audio/mpeg", sound)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such recording")

    def do_POST(self) -> None:
        """One answer: `{"task": 3, "choice": "a", "scores": {}, "listener": ""}`."""
        if not self._allowed():
            return
        try:
            answer = self._answer()
            vote = self.server.test.vote(
                answer.get("task"), answer, str(answer.get("listener") or "")[:80]
            )
        except (UserError, ValueError) as fault:
            self._refuse(HTTPStatus.BAD_REQUEST, str(fault))
            return
        self.server.record(vote)
        self._send("application/json", b'{"saved": true}')

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what is listened to is nobody's business."""

    def _answer(self) -> Mapping[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= _LONGEST_ANSWER:
            raise ValueError(f"an answer of {length} bytes; expected up to {_LONGEST_ANSWER}")
        answer = json.loads(self.rfile.read(length))
        if not isinstance(answer, dict):
            raise ValueError("an answer is a JSON object")
        return answer

    def _allowed(self) -> bool:
        given = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        named = self.headers.get("Host", "") == f"{_HOST}:{self.server.server_port}"
        if named and secrets.compare_digest(given.encode(), self.server.token.encode()):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "open the whole address that compare printed")
        return False

    def _send(self, kind: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send("text/plain; charset=utf-8", why.encode(), status)


log = logging.getLogger(__name__)


class Session:
    """One listening test: its page, and the votes as they come.

    A vote goes to `<run folder>/listener/votes.jsonl` of every run that it is about, and all the
    run's votes so far become its metrics `listener/…` at step = number of votes.
    """

    def __init__(self, runs: Sequence[RunData], rules: FindingRules, tasks: int, port: int) -> None:
        self._folders = {run.name: run.run_dir for run in runs if run.run_dir}
        self._trackers = {
            name: RunTracker.attach(folder)
            for name, folder in self._folders.items()
            if Journal(folder).exists()
        }
        for run in runs:
            if run.name not in self._trackers:
                log.warning("run %s: its folder is not on this disk; its votes are lost", run.name)
        self._lock = threading.Lock()
        self.votes = 0
        self.server = ListeningServer(listening_test_of(runs, rules, tasks), self.record, port)

    def record(self, vote: Vote) -> None:
        """Keep a vote; called from the server's threads."""
        with self._lock:
            self.votes += 1
            about = vote.runs or list(self._trackers)  # a real clip tells about all of them
            for name in about:
                if name in self._trackers:
                    self._keep(name, vote)

    def close(self) -> None:
        """Stop serving and wait until the votes are in MLflow; a second call does nothing."""
        self.server.server_close()
        while self._trackers:
            self._trackers.popitem()[1].close()

    def _keep(self, name: str, vote: Vote) -> None:
        path, tracker = self._folders[name] / VOTES, self._trackers[name]
        append_vote(path, vote)
        votes = read_votes(path)
        tracker.log_metrics(listener_metrics(votes, name), len(votes))
        tracker.log_artifact(path, VOTES.rpartition("/")[0])


def listening_test_of(runs: Sequence[RunData], rules: FindingRules, tasks: int) -> ListeningTest:
    """Each run's samples nearest to its best epoch, and the held-out recordings on this disk."""
    spoken = {run.name: _spoken(run, rules) for run in runs}
    real = {stimulus.path: stimulus for run in runs for stimulus in _real(run)}
    return build_listening_test(spoken, list(real.values()), tasks)


def _spoken(run: RunData, rules: FindingRules) -> list[Stimulus]:
    epochs, texts = spoken_samples(run), sentence_texts(run)
    if not epochs:
        return []
    shown = nearest(epochs, find(run, rules).choice.epoch)
    return [
        Stimulus(run.name, name, texts.get(name, ""), category, path)
        for name, category, path in epochs[shown]
    ]


def _real(run: RunData) -> list[Stimulus]:
    """The held-out recordings of a run's data, as far as its folders are here."""
    return [
        Stimulus("", audio.stem, clip.text, clip.category, audio)
        for clip, audio in real_recordings(run)
        if audio.is_file()
    ]
