"""Puts the protocols of one voice into one server, with each protocol's own form of errors."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from xttslab.errors import UserError
from xttslab.serving.engine import Engine
from xttslab.serving.local_pages import Access, Guard
from xttslab.serving.openai_routes import PREFIX, error_body, openai_routes
from xttslab.serving.plain_routes import page_routes, script_routes, xtts_routes
from xttslab.serving.voice_service import Limits, RequestRefused, VoiceService
from xttslab.serving.wyoming_server import WyomingServer
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.take_guard import Judge

log = logging.getLogger(__name__)
_GUARD_CODES = {
    400: "incomplete_request", 401: "invalid_token", 403: "forbidden",
    408: "request_timeout", 413: "request_too_large",
}  # fmt: skip


@dataclass(frozen=True)
class ServedNames:
    """What the voice and its model are called. `aliases`: voices' names of other programs →
    category; `models`: further names of the model."""

    name: str
    aliases: Mapping[str, str]
    models: Sequence[str]


def voice_service(
    speaker: Speaker,
    names: ServedNames,
    limits: Limits,
    together: int,
    longest: int,
    make_judge: Callable[[], Judge],
) -> VoiceService:
    """The service of a voice, with its engine. The references of all categories are encoded here,
    so that no client waits for it; `make_judge` is called when takes are first to be judged."""
    engine = Engine(speaker, together, limits.requests, limits.seconds)
    service = VoiceService(speaker, names.name, engine, limits, names.aliases, make_judge, longest)
    for category in service.voices:
        speaker.references.prompt(category, settings=speaker.settings)
    return service


def voice_app(
    service: VoiceService, names: ServedNames, access: Access, wyoming: WyomingServer | None = None
) -> FastAPI:
    """The HTTP application of a voice; `wyoming` starts and ends with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.engine.start()
        if wyoming is not None:
            await wyoming.start()
        yield
        if wyoming is not None:
            await wyoming.stop()
        await asyncio.to_thread(service.engine.stop)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(
        Guard, access=access, max_body=service.limits.body_bytes, refuse=_refuse_early
    )
    if access.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=access.origins, allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Cache-Control"],
        )  # fmt: skip
    app.include_router(openai_routes(service, list(names.models), int(time.time())))
    app.include_router(xtts_routes(service))
    app.include_router(script_routes(service))
    app.include_router(page_routes(service))
    _answer_faults(app)
    return app


def _answer_faults(app: FastAPI) -> None:
    """Every fault in the form of the protocol that was spoken."""

    @app.exception_handler(RequestRefused)
    async def refused(request: Request, fault: RequestRefused) -> Response:
        return _error(request.url.path, fault.status, fault.code, str(fault), fault.param)

    @app.exception_handler(UserError)
    async def wrong(request: Request, fault: UserError) -> Response:
        return _error(request.url.path, 400, "invalid_value", str(fault))

    @app.exception_handler(RequestValidationError)
    async def unexpected(request: Request, fault: RequestValidationError) -> Response:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:] or first["loc"])
        reason = f"{place}: {str(first['msg']).lower()}"
        return _error(request.url.path, 422, "invalid_value", reason, place)

    @app.exception_handler(HTTPException)
    async def other(request: Request, fault: HTTPException) -> Response:
        reason = f"{request.method} {request.url.path[:200]}: {str(fault.detail).lower()}"
        return _error(request.url.path, fault.status_code, None, reason)


def _refuse_early(scope: Scope, status: int, reason: str) -> Response:
    return _error(scope["path"], status, _GUARD_CODES.get(status), reason)


def _error(path: str, status: int, code: str | None, message: str, param: str = "") -> Response:
    """OpenAI's form on its paths, FastAPI's, which xtts-api-server has, elsewhere."""
    message, param = (text.encode(errors="replace").decode() for text in (message, param))
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status, {})
    if path.startswith(PREFIX):
        if status == 422:
            status = 400  # OpenAI knows no 422 for a request of a wrong form
        return JSONResponse(error_body(status, code, message, param), status, headers)
    return JSONResponse({"detail": message}, status, headers)
