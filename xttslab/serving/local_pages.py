"""Serves a web application to this machine alone, or to others who know a secret token.

Every request is checked before the application sees it: that it was meant for this server (a site
whose name was pointed at this machine, DNS rebinding, sends its own name as Host), that no page of
another site sent it (Origin, Sec-Fetch-Site), that it carries the token where one is needed, and
that its body is small.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xttslab.errors import UserError

TOKEN = "XTTSLAB_TOKEN"  # the variable of the environment that holds the token
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 16
_BODY_S = 30.0  # within which a whole request has to arrive
_START_S = 30.0
_Refusal = tuple[int, str]  # HTTP status and reason
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "media-src 'self' blob: data:; img-src 'self' data:; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True)
class Access:
    """Who may ask: those who use one of the `names` as Host (any where there are none) and, where
    there is a `token`, know it, as `Authorization: Bearer TOKEN` or `?token=TOKEN`. Pages of the
    other `origins`, such as `http://localhost:8000`, may send requests too."""

    names: tuple[str, ...] = _THIS_MACHINE
    token: str = ""
    origins: tuple[str, ...] = ()

    def refusal(self, headers: Mapping[str, str], query: str) -> _Refusal | None:
        """HTTP status and reason for which a request is refused; None where it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.names and _host_name(host) not in self.names:
            return 403, f"this server is not {_host_name(host)!r}; open the address that it printed"
        if origin is not None and origin not in self.origins and urlsplit(origin).netloc != host:
            return 403, f"requests of pages from {origin[:200]} are refused"
        if origin is None and _embedded_elsewhere(headers):
            return 403, "requests of pages from other sites are refused"
        if self.token and not self._knows_token(headers, query):
            return 401, "the token is missing or wrong; open the whole address that was printed"
        return None

    def _knows_token(self, headers: Mapping[str, str], query: str) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if scheme.lower() == "bearer" else parse_qs(query).get("token", [])
        expected = self.token.encode()
        return any(secrets.compare_digest(one.encode(), expected) for one in given)


def access_for(host: str, secret: str = "", origins: Sequence[str] = ()) -> Access:
    """The access of a server at `host`: with the token of the environment variable XTTSLAB_TOKEN,
    else, on this machine, with `secret` (empty: no token is needed).

    Raises UserError for another host without a token, and for a token that is easily guessed.
    """
    token = os.environ.get(TOKEN, "")
    if token and len(token) < _SHORTEST_TOKEN:
        least = f"use {_SHORTEST_TOKEN} or more, such as {secrets.token_urlsafe(24)}"
        raise UserError(f"{TOKEN} has {len(token)} characters; {least}")
    if host in _THIS_MACHINE:
        return Access(_THIS_MACHINE, token or secret, tuple(origins))
    if not token:
        remedy = f"set {TOKEN}=…, a token of {_SHORTEST_TOKEN} or more characters, or leave host="
        raise UserError(f"host={host}: other machines could connect, without a token; {remedy}")
    return Access((), token, tuple(origins))


def _host_name(host: str) -> str:
    """`localhost:8020` → `localhost`, `[::1]:8020` → `::1`."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _embedded_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site fetches this, which is not a person who follows a link."""
    crossing = headers.get("sec-fetch-site") == "cross-site"
    return crossing and headers.get("sec-fetch-mode") != "navigate"


Refuse = Callable[[Scope, int, str], Response]


def _in_plain_text(scope: Scope, status: int, reason: str) -> Response:
    return PlainTextResponse(
        reason, status, {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    )


class Guard:
    """ASGI middleware that passes on what `access` lets in, whole bodies of at most `max_body`
    bytes, and adds the headers that keep a page private. `refuse` makes the other answers."""

    def __init__(
        self, app: ASGIApp, access: Access, max_body: int, refuse: Refuse = _in_plain_text
    ) -> None:
        self._app, self._access, self._max_body, self._refuse = app, access, max_body, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # web sockets are not served
        headers = Headers(scope=scope)
        refused = self._access.refusal(headers, scope["query_string"].decode("latin-1"))
        body = b""
        if refused is None:
            body, refused = await self._body(headers, receive)
        if refused is not None:
            await self._refuse(scope, *refused)(scope, receive, _with_headers(send))
            return
        await self._app(scope, _replayed(body, receive), _with_headers(send))

    async def _body(self, headers: Headers, receive: Receive) -> tuple[bytes, _Refusal | None]:
        """The whole body of a request, or why it is refused."""
        too_long = 413, f"the request is longer than {self._max_body} bytes"
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._max_body:
            return b"", too_long
        parts, size = [], 0
        try:
            async with asyncio.timeout(_BODY_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return b"", (400, "the request ended early")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._max_body:
                        return b"", too_long
                    if not message.get("more_body"):
                        return b"".join(parts), None
        except TimeoutError:
            return b"", (408, f"the request took longer than {_BODY_S:g} s to arrive")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then what `receive` gives."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def page_app(access: Access, max_body: int) -> FastAPI:
    """An application without documentation pages whose faults are answered in one line of text.

    A UserError becomes status 400, a request without the expected fields 422.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, access=access, max_body=max_body)

    @app.exception_handler(UserError)
    async def wrong(request: Request, fault: UserError) -> Response:
        return PlainTextResponse(str(fault), 400)

    @app.exception_handler(RequestValidationError)
    async def unexpected(request: Request, fault: RequestValidationError) -> Response:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return PlainTextResponse(f"{place}: {str(first['msg']).lower()}", 422)

    return app


def bind(host: str, port: int, option: str = "port") -> socket.socket:
    """A socket that listens at `host` and `port` (0: a free one).

    Raises UserError that names `option`, which gave the port, where the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # On Windows SO_REUSEADDR would also give a port that another server listens on.
    alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
    try:
        listener.setsockopt(socket.SOL_SOCKET, alone, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as fault:
        listener.close()
        if isinstance(fault, socket.gaierror):
            raise UserError(f"host={host}: no such address on this machine") from fault
        reason = getattr(fault, "strerror", "") or "0 to 65535 are possible"
        remedy = f"give another {option}=, or 0 for any that is free"
        raise UserError(f"{option}={port} at {host} cannot be used: {reason}; {remedy}") from fault
    return listener


class LocalServer:
    """One application at one address: `url` is what a person opens."""

    def __init__(self, app: ASGIApp, access: Access, listener: socket.socket) -> None:
        self._listener = listener
        host, port = listener.getsockname()[:2]
        name = socket.gethostname() if not access.names else host
        self.address = f"http://{f'[{name}]' if ':' in name else name}:{port}"
        token = access.token
        if token and token == os.environ.get(TOKEN):
            token = "…"  # the person knows it, and a terminal is no place for it
        self.url = f"{self.address}/?token={token}" if token else f"{self.address}/"
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = uvicorn.Server(config)

    def run(self, label: str) -> None:
        """Print `label` and the address, and serve until Ctrl-C or SIGTERM."""
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print(f"{label:<11}{self.url}")
        if self.url.endswith("…"):
            print(f"{'token':<11}put the value of {TOKEN} in place of …")
        print(f"{'end':<11}Ctrl-C", flush=True)
        try:
            self._server.run([self._listener])
        except KeyboardInterrupt:
            print()
        finally:
            signal.signal(signal.SIGTERM, before)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve from a thread until the context ends; gives the address to open."""
        thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield self.url
        finally:
            self._server.should_exit = True
            thread.join()
