"""Wyoming, the protocol of Home Assistant's voices, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

import xttslab
from xttslab.model.decoder import SPEECH_RATE
from xttslab.serving.streamed_audio import pcm
from xttslab.serving.voice_service import RequestRefused, SpeechRequest, VoiceService

log = logging.getLogger(__name__)
_IDLE_S = 600.0  # Home Assistant keeps no connection open so long
_CONNECTIONS = 64
_FORMAT = {"rate": SPEECH_RATE, "width": 2, "channels": 1}
_ATTRIBUTION = Attribution("xttslab", "")


class WyomingServer:
    """Speaks to every client that connects to `listener`; it begins in the event loop that calls
    `start`. A client knows no token, so it is for this machine or a network that is trusted."""

    def __init__(self, service: VoiceService, listener: socket.socket) -> None:
        self._service, self._listener = service, listener
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        host, port = listener.getsockname()[:2]
        self.address = f"tcp://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self) -> None:
        """Begin to take connections."""
        self._server = await asyncio.start_server(self._connected, sock=self._listener)

    async def stop(self) -> None:
        """End them all."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= _CONNECTIONS:
            writer.close()
            return
        self._open.add(task)
        try:
            await _Connection(self._service, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away or took too long, or the server ends
        finally:
            self._open.discard(task)
            writer.close()


class _BadMessage(Exception):
    """What came is no event of Wyoming, or longer than is taken."""


class _Connection:
    """One client: its events one after another, each answered before the next is acted upon."""

    def __init__(
        self, service: VoiceService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service, self._reader, self._writer = service, reader, writer
        self._text: list[str] | None = None  # of a text that comes in chunks
        self._voice: SynthesizeVoice | None = None

    async def run(self) -> None:
        """Answer until the client leaves or sends what is no event.

        The next event is read while a text is spoken: its end is how a client's leaving shows.
        """
        coming = asyncio.ensure_future(self._read())
        try:
            while (event := await coming) is not None:
                coming = asyncio.ensure_future(self._read())
                answering = asyncio.ensure_future(self._answer(event))
                try:
                    await asyncio.wait({answering, coming}, return_when=asyncio.FIRST_COMPLETED)
                    failed = coming.done() and coming.exception() is not None
                    gone = coming.done() and not failed and coming.result() is None
                    if gone:
                        answering.cancel()
                    await answering
                finally:
                    answering.cancel()
        except _BadMessage as fault:
            await self._send(Error(str(fault), "bad_message"))
        finally:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await coming

    async def _read(self) -> Event | None:
        """The next event, None at the end. Lengths are looked at before they are believed."""
        try:
            async with asyncio.timeout(_IDLE_S):
                line = await self._reader.readline()
                if not line:
                    return None
                most = self._service.limits.body_bytes
                head = json.loads(line)
                if not isinstance(head, dict) or not isinstance(head.get("type"), str):
                    raise _BadMessage("an event is a line of JSON with a type")
                lengths = [head.get(name) or 0 for name in ("data_length", "payload_length")]
                if not all(isinstance(one, int) and 0 <= one <= most for one in lengths):
                    raise _BadMessage(f"an event has at most {most} bytes")
                body = asyncio.StreamReader()
                body.feed_data(line + await self._reader.readexactly(sum(lengths)))
                body.feed_eof()
                event = await async_read_event(body)
        except (ValueError, RecursionError, TypeError, AttributeError) as fault:
            raise _BadMessage("an event is a line of JSON with a type") from fault
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return None
        if event is None or not isinstance(event.data, dict):
            raise _BadMessage("the data of an event is a JSON object")
        return event

    async def _answer(self, event: Event) -> None:
        """Do what an event asks for; those of other services are passed over."""
        for kind, act in self._acts():
            if kind.is_type(event.type):
                try:
                    given = kind.from_event(event)
                except (KeyError, TypeError, AttributeError) as fault:
                    raise _BadMessage(f"{event.type}: a field is missing or wrong") from fault
                await act(given)
                return

    def _acts(self) -> list[tuple[type[Eventable], Callable[[Any], Coroutine[Any, Any, None]]]]:
        return [
            (Describe, self._describe),
            (Ping, self._pong),
            (Synthesize, self._synthesize),
            (SynthesizeStart, self._begin),
            (SynthesizeChunk, self._more),
            (SynthesizeStop, self._end),
        ]

    async def _describe(self, _: Describe) -> None:
        await self._send(_info(self._service))

    async def _pong(self, ping: Ping) -> None:
        await self._send(Pong(ping.text))

    async def _synthesize(self, asked: Synthesize) -> None:
        if self._text is None:  # in a stream the whole text follows for those who know no chunks
            await self._speak(asked.text, asked.voice)

    async def _begin(self, asked: SynthesizeStart) -> None:
        self._text, self._voice = [], asked.voice

    async def _more(self, chunk: SynthesizeChunk) -> None:
        if self._text is None:
            raise _BadMessage("synthesize-chunk: synthesize-start comes before it")
        self._text.append(str(chunk.text))
        if sum(map(len, self._text)) > self._service.limits.characters:
            self._text = None
            raise _BadMessage(f"a text has at most {self._service.limits.characters} characters")

    async def _end(self, _: SynthesizeStop) -> None:
        text, self._text = "".join(self._text or []), None
        if text.strip():
            await self._speak(text, self._voice)
        await self._send(SynthesizeStopped())

    async def _speak(self, text: str, voice: SynthesizeVoice | None) -> None:
        """Send a text's sound as it comes, or the reason why there is none."""
        began = False
        try:
            if not isinstance(text, str):
                raise RequestRefused(400, "invalid_value", "text: must be a text", "text")
            line = self._service.line(SpeechRequest(text, _voice_name(voice, self._service.name)))
            async with (  # a client that reads nothing holds a place no longer than others
                asyncio.timeout(self._service.limits.seconds),
                self._service.speaking("wyoming", line, live=True) as order,
            ):
                async for wave in order.waves():
                    if not began:
                        await self._send(AudioStart(**_FORMAT))
                        began = True
                    await self._send(AudioChunk(audio=pcm(wave), **_FORMAT))
            if began:
                await self._send(AudioStop())
        except RequestRefused as fault:
            await self._send(Error(str(fault), fault.code))

    async def _send(self, event: Eventable) -> None:
        await async_write_event(event.event(), self._writer)


def _voice_name(voice: SynthesizeVoice | None, model: str) -> str:
    """The voice's name; a voice may also be the model, with a category as its speaker."""
    if voice is None:
        return ""
    if voice.speaker and (not voice.name or voice.name == model):
        return str(voice.speaker)
    return str(voice.name or "")


def _info(service: VoiceService) -> Info:
    about = {"attribution": _ATTRIBUTION, "installed": True, "version": xttslab.__version__}
    voices = [
        TtsVoice(
            name=voice, description=voice, languages=[service.speaker.language], speakers=None,
            **about,
        )
        for voice in service.voices
    ]  # fmt: skip
    program = TtsProgram(
        name=service.name, description=f"{service.name}, an XTTS voice", voices=voices,
        supports_synthesize_streaming=True, **about,
    )  # fmt: skip
    return Info(tts=[program])
