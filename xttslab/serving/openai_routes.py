"""OpenAI's speech endpoint and its lists of models and voices, with OpenAI's form of errors."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from xttslab.serving.speech_answers import SpeechAnswer
from xttslab.serving.streamed_audio import STREAMS
from xttslab.serving.voice_service import RequestRefused, SpeechRequest, VoiceService

PREFIX = "/v1/"
_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class VoiceChoice(BaseModel):
    """The newer form of `voice`."""

    id: str


class SpeechBody(BaseModel):
    """OpenAI's request; `seed`, `temperature` and `takes` are ours, and `instructions` are not
    followed."""

    model_config = ConfigDict(extra="ignore")
    model: str = ""
    input: str
    voice: str | VoiceChoice = ""
    response_format: str = "mp3"
    speed: float | None = None
    stream_format: Literal["audio", "sse"] = "audio"
    seed: int | None = None
    temperature: float | None = None
    takes: int | None = None


def error_body(status: int, code: str | None, message: str, param: str = "") -> dict[str, Any]:
    """OpenAI's form of an error."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code}}


def openai_routes(service: VoiceService, models: list[str], created: int) -> APIRouter:
    """The routes. `models` are further names by which clients know the one model; `created` is
    its time in seconds since 1970."""
    routes = APIRouter(prefix=PREFIX.rstrip("/"))
    names = [service.name, *models]

    @routes.post("/audio/speech")
    async def speech(body: SpeechBody, request: Request) -> Response:
        _require_model(body.model, names)
        if body.response_format not in STREAMS:
            reason = (
                f"response_format={body.response_format[:20]!r}: there are {', '.join(STREAMS)}"
            )
            raise RequestRefused(400, "invalid_value", reason, "response_format")
        voice = body.voice if isinstance(body.voice, str) else body.voice.id
        ours = body.seed, body.temperature, body.takes
        line = service.line(SpeechRequest(body.input, voice, body.speed, *ours), "input")
        answer = SpeechAnswer("openai", line, body.response_format, "input", body.takes or 1)
        if body.stream_format == "sse":
            return await answer.events(service, request)
        if STREAMS[body.response_format].whole or answer.takes > 1:
            return await answer.whole(service, request)
        return await answer.streamed(service, request)

    @routes.get("/audio/voices")
    async def voices() -> Response:
        listed = [{"id": one, "name": one} for one in [*service.voices, *service.aliases]]
        return JSONResponse({"voices": listed, "object": "list", "data": listed})

    @routes.get("/models")
    async def list_models() -> Response:
        return JSONResponse({"object": "list", "data": [_model(name, created) for name in names]})

    @routes.get("/models/{name:path}")
    async def one_model(name: str) -> Response:
        _require_model(name, names)
        return JSONResponse(_model(name, created))

    return routes


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "xttslab"}


def _require_model(name: str, names: list[str]) -> None:
    if name and name not in names:
        reason = f"model={name[:80]!r} is not served here; there are {', '.join(names)}"
        raise RequestRefused(404, "model_not_found", reason, "model")
