"""Answers a request with speech, whole or while it is spoken, and ends it with its client."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from xttslab.serving.server_metrics import MeasuredOrder
from xttslab.serving.streamed_audio import STREAMS, AudioStream, whole_file
from xttslab.serving.voice_service import GONE, RequestRefused, VoiceService
from xttslab.speaking.lines import SpeechLine

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_UNBUFFERED = {"X-Accel-Buffering": "no"}  # nginx hands the chunks on as they come


@dataclass(frozen=True)
class SpeechAnswer:
    """How a line is to be answered.

    Attributes:
        protocol: by which it was asked for.
        line: to speak.
        kind: of the audio, one of STREAMS.
        text_param: the field that holds the text, for messages.
        takes: of each piece; of several the best is kept, and comes whole.
    """

    protocol: str
    line: SpeechLine
    kind: str
    text_param: str = "text"
    takes: int = 1

    async def whole(self, service: VoiceService, request: Request) -> Response:
        """A file whose length stands in it. Raises RequestRefused."""
        file = await _while_connected(request, self._file(service))
        if file is None:
            return Response(status_code=GONE)
        body, found = file
        ending = STREAMS[self.kind].whole.lstrip(".") or self.kind
        name = {"Content-Disposition": f'inline; filename="speech.{ending}"'}
        return Response(body, media_type=STREAMS[self.kind].media_type, headers=name | found)

    async def streamed(self, service: VoiceService, request: Request) -> Response:
        """The audio in chunks, while it is spoken. Raises RequestRefused before the first one."""
        return await self._begun(
            service, request, self._chunks(service), STREAMS[self.kind].media_type
        )

    async def events(self, service: VoiceService, request: Request) -> Response:
        """The chunks as OpenAI's server-sent events `speech.audio.delta`, then `.done`."""
        return await self._begun(service, request, self._events(service), "text/event-stream")

    def _spoken(
        self, service: VoiceService, live: bool
    ) -> AbstractAsyncContextManager[MeasuredOrder]:
        return service.speaking(self.protocol, self.line, live, self.text_param, self.takes)

    async def _file(self, service: VoiceService) -> tuple[bytes, dict[str, str]]:
        """The file, and headers of what was found in its takes."""
        async with self._spoken(service, live=False) as order:
            wave = await order.whole()
        tags = service.tags(self.line)
        return await asyncio.to_thread(whole_file, wave, self.kind, tags), order.headers

    async def _chunks(self, service: VoiceService) -> AsyncIterator[bytes]:
        audio = AudioStream(self.kind, service.tags(self.line))
        async with self._spoken(service, live=True) as order:
            async for wave in order.waves():
                if data := audio.push(wave):
                    yield data
        if data := audio.end():
            yield data

    async def _events(self, service: VoiceService) -> AsyncIterator[bytes]:
        audio = AudioStream(self.kind, service.tags(self.line))
        async with self._spoken(service, live=True) as order:
            async for wave in order.waves():
                if data := audio.push(wave):
                    yield _delta(data)
        if data := audio.end():
            yield _delta(data)
        tokens, codes = order.usage
        usage = {"input_tokens": tokens, "output_tokens": codes, "total_tokens": tokens + codes}
        yield _event({"type": "speech.audio.done", "usage": usage})

    async def _begun(
        self,
        service: VoiceService,
        request: Request,
        chunks: AsyncIterator[bytes],
        media_type: str,
    ) -> Response:
        """The response once its first chunk is there: until then it can still be refused."""
        first = await _while_connected(request, anext(chunks, b""))
        if first is None:
            return Response(status_code=GONE)
        return SpokenResponse(_after(first, chunks), service.limits.seconds, media_type)


def _delta(data: bytes) -> bytes:
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()


class SpokenResponse(StreamingResponse):
    """Speech in chunks. It ends its order as soon as the client is gone or has not taken all of it
    in so many `seconds`, and cuts the connection off where speaking fails: an answer that only
    stops would seem complete."""

    def __init__(self, chunks: AsyncIterator[bytes], seconds: float, media_type: str) -> None:
        super().__init__(chunks, media_type=media_type, headers=_UNBUFFERED)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        except* (RequestRefused, TimeoutError) as faults:
            for fault in faults.exceptions:
                log.warning("an answer was cut off: %s", str(fault) or "it was not taken in time")
        finally:
            await self.body_iterator.aclose()


async def _while_connected(request: Request, work: Awaitable[Result]) -> Result | None:
    """What `work` gives; it is cancelled, and None given, where the client goes away meanwhile."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Callable[[], Awaitable[dict]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
