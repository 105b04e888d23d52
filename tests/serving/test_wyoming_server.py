"""The `wyoming` package against a real server: description, speech, streamed texts, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from urllib.parse import urlsplit

import pytest
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

from tests.serving.conftest import Running

TEXT = "Jó estét kívánok!"


def talk(served: Running, *events: Event, last: str) -> list[Event]:
    """What the server answers until an event of type `last`."""
    place = urlsplit(served.printed["wyoming"])

    async def talked() -> list[Event]:
        found = []
        async with AsyncTcpClient(place.hostname, place.port) as client:
            for event in events:
                await client.write_event(event)
            while (answer := await client.read_event()) is not None:
                found.append(answer)
                if answer.type == last:
                    break
        return found

    return run(talked())


def run(work: Coroutine) -> object:
    async def limited() -> object:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(limited())


def test_the_voices_are_described(served: Running) -> None:
    (answer,) = talk(served, Describe().event(), last="info")
    (program,) = Info.from_event(answer).tts
    assert [voice.name for voice in program.voices] == ["greeting", "tension"]
    assert program.voices[0].languages == ["hu"]
    assert program.supports_synthesize_streaming


def sound_of(events: list[Event]) -> bytes:
    start, *chunks, stop = events
    assert (start.type, stop.type) == ("audio-start", "audio-stop")
    assert start.data.items() >= {"rate": 24_000, "width": 2, "channels": 1}.items()
    assert {chunk.type for chunk in chunks} == {"audio-chunk"}
    return b"".join(chunk.payload for chunk in chunks)


def test_a_text_is_spoken_as_by_the_other_protocols(served: Running) -> None:
    asked = Synthesize(TEXT, SynthesizeVoice("tension")).event()
    sound = sound_of(talk(served, asked, last="audio-stop"))
    body = {"input": TEXT, "voice": "tension", "response_format": "pcm"}
    assert sound == served.ask("/v1/audio/speech", body)[2]


def test_a_text_that_comes_in_chunks_is_spoken_once(served: Running) -> None:
    voice = SynthesizeVoice("tension")
    events = [
        SynthesizeStart(voice).event(),
        SynthesizeChunk(TEXT[:5]).event(),
        SynthesizeChunk(TEXT[5:]).event(),
        Synthesize(TEXT, voice).event(),  # for servers that know no chunks
        SynthesizeStop().event(),
    ]
    *sound, stopped = talk(served, *events, last="synthesize-stopped")
    assert stopped.type == "synthesize-stopped"
    assert sound_of(sound) == sound_of(
        talk(served, Synthesize(TEXT, voice).event(), last="audio-stop")
    )


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Synthesize(TEXT, SynthesizeVoice("nobody")).event(), "there are greeting, tension"),
        (Synthesize("a" * 501).event(), "at most 500 at once"),
        (Synthesize(" ").event(), "there is no text"),
        (Event("synthesize"), "a field is missing or wrong"),
        (Event("synthesize", {"text": 3}), "must be a text"),
        (Event("synthesize", {"text": "a", "voice": 3}), "a field is missing or wrong"),
        (SynthesizeChunk("a").event(), "synthesize-start comes before it"),
    ],
)
def test_faults_are_events(served: Running, event: Event, message: str) -> None:
    (answer,) = talk(served, event, last="error")
    assert message in answer.data["text"]


@pytest.mark.parametrize(
    "line",
    [
        b"POST /v1/audio/speech HTTP/1.1\r\n",
        b"[]\n",
        b'{"type": 3}\n',
        b'{"type": "synthesize", "data": []}\n',
        b'{"type": "synthesize", "data_length": 9000000}\n',
        b'{"type": "synthesize", "data_length": -5}\n',
        b"[" * 50_000 + b"\n",
        b"a" * 100_000 + b"\n",
    ],
)
def test_what_is_no_event_ends_the_connection(served: Running, line: bytes) -> None:
    place = urlsplit(served.printed["wyoming"])

    async def sent() -> bytes:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(line)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer

    answer = run(sent())
    assert json.loads(answer.split(b"\n")[0])["type"] == "error"
    assert talk(served, Describe().event(), last="info")  # the server goes on
