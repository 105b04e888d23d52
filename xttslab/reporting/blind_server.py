"""A listening session in, a page on this machine's own address out; every answer goes to `record`.

Only 127.0.0.1 is served, only to who knows the session's token, and only under that name (a page
of another site that resolves to this address is refused).
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from xttslab.errors import UserError
from xttslab.reporting.booth import Booth
from xttslab.reporting.html import render
from xttslab.reporting.listening import Vote
from xttslab.reporting.scores import OVERALL, TITLES
from xttslab.reporting.sound import playable

_HOST = "127.0.0.1"
_LONGEST_ANSWER = 10_000  # bytes


class BlindServer(ThreadingHTTPServer):
    """Serves one booth; `address` is what to open. Port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would share a port that is taken

    def __init__(self, booth: Booth, record: Callable[[Vote], None], port: int = 0) -> None:
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as fault:
            raise UserError(
                f"port={port}: cannot be used ({fault.strerror}); give another, or 0 for any"
            ) from fault
        self.booth, self.record = booth, record
        self.token = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        return f"http://{_HOST}:{self.server_port}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: BlindServer

    def do_GET(self) -> None:
        """The page, or a recording of it."""
        if not self._allowed():
            return
        place = urlsplit(self.path).path
        if place == "/":
            tasks = self.server.booth.public()
            aspects = [entry for entry in TITLES.items() if entry[0] != OVERALL]
            content = {"tasks": tasks, "aspects": aspects, "title": "Blind listening"}
            self._send("text/html; charset=utf-8", render("blind.html.j2", content).encode())
            return
        path = self.server.booth.path(place.removeprefix("/clip/"))
        sound = playable(path) if path else b""
        if sound:
            self._send("audio/mpeg", sound)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such recording")

    def do_POST(self) -> None:
        """One answer: `{"task": 3, "choice": "a", "marks": {}, "listener": ""}`."""
        if not self._allowed():
            return
        try:
            answer = self._answer()
            vote = self.server.booth.vote(
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
