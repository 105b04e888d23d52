"""The routes of xtts-api-server, those for scripts, the page to try the voice, health, metrics."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse, Response

import xttslab
from xttslab.reporting.html import render
from xttslab.serving.speech_answers import SpeechAnswer
from xttslab.serving.streamed_audio import STREAMS
from xttslab.serving.voice_service import RequestRefused, SpeechRequest, VoiceService
from xttslab.speaking.lines import names_of
from xttslab.speaking.marks import checked_pause

_LANGUAGES = {"hu": "Hungarian"}
_MOST_SEGMENTS = 100  # of one line
_MOST_TAKES = 6  # that the page offers side by side, each of them a request of its own
_EXAMPLES = {"hu": "Jó estét kívánok! Ma este 3 kérdés vár önre."}


class XttsBody(BaseModel):
    """xtts-api-server's request; `speaker_wav` is the name of a voice."""

    model_config = ConfigDict(extra="ignore")
    text: str
    speaker_wav: str = ""
    language: str = ""


class ScriptBody(BaseModel):
    """What a line of a script is spoken with; any that is left out is as configured."""

    model_config = ConfigDict(extra="forbid")
    category: str | list[str] = ""
    format: str = "mp3"
    speed: float | None = None
    seed: int | None = None
    temperature: float | None = None
    takes: int | None = None


class SimpleBody(ScriptBody):
    """One text."""

    text: str


class ScriptSegment(BaseModel):
    """A part of a line and the silence behind it, in seconds."""

    model_config = ConfigDict(extra="ignore")  # `type` says what it is, to people
    text: str
    pause_after: float = 0.0


class SegmentedBody(ScriptBody):
    """A question and its answers, for example."""

    segments: list[ScriptSegment] = Field(min_length=1, max_length=_MOST_SEGMENTS)


def xtts_routes(service: VoiceService) -> APIRouter:
    """The routes of daswer123's xtts-api-server that speak."""
    routes = APIRouter()

    def answer(text: str, speaker: str, language: str) -> SpeechAnswer:
        own = service.speaker.language
        if language and language.lower().split("-")[0] != own:
            reason = f"language={language[:20]!r}: this voice speaks {own}"
            raise RequestRefused(400, "invalid_value", reason, "language")
        line = service.line(SpeechRequest(text, speaker.removesuffix(".wav")))
        return SpeechAnswer("xtts", line, "wav")

    @routes.get("/speakers")
    async def speakers() -> Response:
        listed = [{"name": one, "voice_id": one, "preview_url": ""} for one in service.voices]
        return JSONResponse(listed)

    @routes.get("/speakers_list")
    async def speakers_list() -> Response:
        return JSONResponse(service.voices)

    @routes.get("/languages")
    async def languages() -> Response:
        own = service.speaker.language
        return JSONResponse({"languages": {_LANGUAGES.get(own, own): own}})

    @routes.post("/tts_to_audio/")
    async def tts_to_audio(body: XttsBody, request: Request) -> Response:
        return await answer(body.text, body.speaker_wav, body.language).whole(service, request)

    @routes.get("/tts_stream/")  # as SillyTavern asks
    @routes.get("/tts_stream")
    async def tts_stream(
        request: Request, text: str, speaker_wav: str = "", language: str = ""
    ) -> Response:
        return await answer(text, speaker_wav, language).streamed(service, request)

    return routes


def script_routes(service: VoiceService) -> APIRouter:
    """Whole files for programs that make shows, and how the server is."""
    routes, started = APIRouter(), time.monotonic()

    async def speak(text: str, body: ScriptBody, request: Request) -> Response:
        if body.format not in STREAMS:
            reason = f"format={body.format[:20]!r}: there are {', '.join(STREAMS)}"
            raise RequestRefused(400, "invalid_value", reason, "format")
        voice = ",".join(names_of(body.category))
        asked = SpeechRequest(text, voice, body.speed, body.seed, body.temperature, body.takes)
        answer = SpeechAnswer("script", service.line(asked), body.format, takes=body.takes or 1)
        return await answer.whole(service, request)

    @routes.post("/generate/simple")
    async def simple(body: SimpleBody, request: Request) -> Response:
        return await speak(body.text, body, request)

    @routes.post("/generate/segmented")
    async def segmented(body: SegmentedBody, request: Request) -> Response:
        parts = []
        for number, segment in enumerate(body.segments):
            pause = checked_pause(segment.pause_after, f"segments.{number}.pause_after")
            parts.append(f"{segment.text} [pause {pause:.3f}s]")
        return await speak("\n".join(parts), body, request)

    @routes.get("/health")
    async def health() -> Response:
        return JSONResponse(_health(service, time.monotonic() - started))

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _health(service: VoiceService, seconds: float) -> dict[str, Any]:
    taken = service.engine.taken
    return {
        "status": "ok",
        "model": service.name,
        "language": service.speaker.language,
        "device": str(service.speaker.voice.codec.device),
        "voices": service.voices,
        "places": {"taken": taken, "all": service.limits.requests},
        "uptime_seconds": round(seconds),
        "version": xttslab.__version__,
    }


class ReadingBody(BaseModel):
    """A text of which the page shows how it will be read."""

    model_config = ConfigDict(extra="forbid")
    text: str
    category: str = ""


def page_routes(service: VoiceService) -> APIRouter:
    """The page on which a person tries the voice; it speaks by `/generate/simple`."""
    routes = APIRouter()
    settings = service.speaker.usual_settings(service.voices[0])
    content = {
        "title": f"The voice {service.name}",
        "voices": service.voices,
        "language": service.speaker.language,
        "characters": service.limits.characters,
        "speed": list(service.limits.speed),
        "seed": settings.seed,
        "formats": [kind for kind in STREAMS if kind != "pcm"],  # browsers play no bare samples
        "most_takes": min(_MOST_TAKES, service.limits.requests),
        "example": _EXAMPLES.get(service.speaker.language, ""),
    }
    page = render("voice.html.j2", content)

    @routes.get("/")
    async def home() -> Response:
        return HTMLResponse(page)

    @routes.post("/page/reading")
    async def reading(body: ReadingBody) -> Response:
        line = service.line(SpeechRequest(body.text, body.category))
        pieces = await asyncio.to_thread(service.speaker.pieces, line.text, line.longest)
        shown = [{"text": piece.text, "pause": piece.pause} for piece in pieces]
        return JSONResponse({"pieces": shown})

    return routes
