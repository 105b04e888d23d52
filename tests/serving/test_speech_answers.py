"""A client that reads nothing is cut off in time, and its order ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from xttslab.serving.speech_answers import SpokenResponse
from xttslab.serving.voice_service import RequestRefused

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def never() -> dict:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("reads", [False, True])
def test_what_is_not_taken_or_cannot_be_spoken_is_cut_off(reads: bool, caplog) -> None:
    ended, sent = [], []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"sound"
            raise RequestRefused(503, "too_slow", "it took longer than 1 s")
        finally:
            ended.append(True)

    async def send(message: dict) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not reads:
            await never()

    asyncio.run(SpokenResponse(chunks(), 0.05, "audio/mpeg")(SCOPE, never, send))
    assert ended == [True]
    assert not [message for message in sent if message.get("more_body") is False]
    said = "it took longer than 1 s" if reads else "it was not taken in time"
    assert [record.getMessage() for record in caplog.records] == [f"an answer was cut off: {said}"]
